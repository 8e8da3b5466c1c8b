-- The transition function of guard/core/machine.py, atomic in the store. Rules arrive as arguments: the table of
-- guard/core/table.py stays the only one. Times are unix seconds by the store's own clock unless ARGV[2] gives one.
--
-- KEYS  1 the record (hash)   2 the heartbeats (hash) for expire, else the thread's entry (hash): its pause, its version, a context for each of its users
-- ARGV  1 event               2 now, or ''                3... name, value pairs
-- gives {now, {kind, detail, ...}, {field, value, ...}}

local event = ARGV[1]
local now
if ARGV[2] == '' then
  local t = redis.call('TIME')
  now = tonumber(t[1]) + tonumber(t[2]) / 1000000
else
  now = tonumber(ARGV[2])
end

local arg = {}
for i = 3, #ARGV, 2 do arg[ARGV[i]] = ARGV[i + 1] end

local record, order, changes = {}, {}, {}
local flat = redis.pcall('HGETALL', KEYS[1])
if flat.err then -- of another type: nobody decides by it, and an operator's clear makes room
  if event ~= 'clear' then return flat end
  redis.call('DEL', KEYS[1])
  flat = {}
end
for i = 1, #flat, 2 do record[flat[i]] = flat[i + 1] end

local function text(field) return record[field] or '' end
local function num(field)
  local value = record[field]
  if value == nil or value == '' then return 0 end
  return tonumber(value)
end
local function set(field, value)
  if type(value) == 'number' then value = string.format('%.17g', value) end
  if record[field] ~= value then
    record[field] = value
    changes[#changes + 1] = field
    changes[#changes + 1] = value
  end
end
local function raise(field) set(field, num(field) + 1) end
local function done(kind, detail)
  order[#order + 1] = kind
  order[#order + 1] = detail or ''
end

local function largest(field, value) return math.max(num(field), tonumber(value) or 0) end

local function holds(place) return arg.token ~= '' and arg.token == text(place) end
local function outlasts(until_) return text('operator') == '1' and num('until') > until_ end

local OTHER = { read = 'write', write = 'read' }

local function set_breaker(side, failures, era, open_until)
  set(side .. '.failures', failures)
  set(side .. '.era', era)
  set(side .. '.open_until', open_until)
  set(side .. '.trial', '')
  set(side .. '.trial_until', 0)
end

local function open_seconds_at(at)
  return num('open_seconds') + math.max(0, math.min(at, num('open_until')) - num('open_from'))
end

local function open_breaker(side)
  local open_until = now + tonumber(arg.breaker_open_s)
  set_breaker(side, 0, num(side .. '.era') + 1, open_until)
  raise('opens')
  if now < num('open_until') then
    set('open_until', math.max(num('open_until'), open_until))
  else
    set('open_seconds', open_seconds_at(now))
    set('open_from', now)
    set('open_until', open_until)
  end
  done('breaker_opened', side)
end

local function close_breaker(side)
  if num(side .. '.open_until') == 0 then
    set(side .. '.failures', 0)
    return
  end
  set_breaker(side, 0, num(side .. '.era') + 1, 0)
  local ends = math.max(now, num(OTHER[side] .. '.open_until'))
  if ends < num('open_until') then set('open_until', ends) end
  done('breaker_closed', side)
end

local WITNESSES_MAX = 16

local function witnesses()
  local known, count = {}, 0
  for name in string.gmatch(text('witnesses'), '[^,]+') do
    known[name] = true
    count = count + 1
  end
  return known, count
end

local function add_witness()
  local name = string.gsub(arg.worker, ',', '_')
  if name == '' then name = '?' end
  local known, count = witnesses()
  if known[name] or count >= WITNESSES_MAX then return end
  set('witnesses', count == 0 and name or text('witnesses') .. ',' .. name)
end

local function enough_witnesses()
  local _, count = witnesses()
  return math.max(count, 1) >= tonumber(arg.witnesses)
end

local function tell_breaker()
  local side = arg.operation
  local mine = holds(side .. '.trial')
  if arg.breaker == 'nothing' or tonumber(arg.era) ~= num(side .. '.era') then
    if mine then
      set(side .. '.trial', '')
      set(side .. '.trial_until', 0)
    end
    return
  end
  local closed = num(side .. '.open_until') == 0
  if not closed and not mine then return end
  if arg.breaker == 'success' then
    close_breaker(side)
    return
  end
  local failures = num(side .. '.failures') + 1
  local alone = side == 'read' and not enough_witnesses()
  if closed and (failures < tonumber(arg.breaker_threshold) or alone) then
    set(side .. '.failures', failures)
  else
    open_breaker(side)
  end
end

local function enter(reason, since, until_, operator)
  set('generation', num('generation') + 1)
  set('reason', reason)
  set('since', since)
  set('until', until_)
  set('operator', operator)
  set('failures', 0)
  set('witnesses', '')
  set('lease', '')
  set('lease_until', 0)
  set('trend', '')
end

local function downgrade(reason, hold_s, kind)
  if outlasts(now + hold_s) then return done('kept', text('reason')) end
  enter(reason, now, now + hold_s, '0')
  raise('downgrades.' .. reason)
  done(kind, reason)
end

local function unforce()
  close_breaker('read')
  close_breaker('write')
  enter('', 0, 0, '0')
end

-- The trends of guard/core/trend.py. The field: since|minute,reads,slow,failed;...
local function count_trend()
  local at = math.floor(now / tonumber(arg.trend_minute_s))
  local since, kept, newest = 0, {}, nil
  local head, tail = string.match(text('trend'), '^([^|]*)|(.*)$')
  if head then
    since = tonumber(head)
    for m, reads, slow, failed in string.gmatch(tail, '(%d+),(%d+),(%d+),(%d+)') do
      if at - 15 < tonumber(m) then
        newest = { tonumber(m), tonumber(reads), tonumber(slow), tonumber(failed) }
        kept[#kept + 1] = newest
      end
    end
  end
  if since == 0 or (newest and newest[1] > at) then since, kept, newest = now, {}, nil end
  if not newest or newest[1] ~= at then
    newest = { at, 0, 0, 0 }
    kept[#kept + 1] = newest
  end
  newest[2] = newest[2] + 1
  newest[3] = newest[3] + tonumber(arg.slow)
  newest[4] = newest[4] + (arg.count == 'add' and 1 or 0)
  local parts = {}
  for i, m in ipairs(kept) do parts[i] = string.format('%d,%d,%d,%d', m[1], m[2], m[3], m[4]) end
  set('trend', string.format('%.17g', since) .. '|' .. table.concat(parts, ';'))
  return at, since, kept
end

local function over(at, minutes, window, column, share)
  local spans, all, first, last = {}, 0, nil, nil
  for i = 0, window / 5 - 1 do spans[i] = { 0, 0 } end
  for _, m in ipairs(minutes) do
    local ago = at - m[1]
    if ago < window then
      local span = spans[math.floor(ago / 5)]
      span[1] = span[1] + m[2]
      span[2] = span[2] + m[column]
      all = all + m[2]
      first, last = first or m, m
    end
  end
  if all < tonumber(arg.trend_reads_min) then return false end
  for i = 0, window / 5 - 1 do
    if spans[i][2] <= share * spans[i][1] then return false end
  end
  return first[column] > share * first[2] and last[column] > share * last[2]
end

local function follow_trend()
  local at, since, minutes = count_trend()
  local age, minute_s = now - since, tonumber(arg.trend_minute_s)
  if age >= 15 * minute_s and over(at, minutes, 15, 3, 0.05) then
    downgrade('read_latency', tonumber(arg.hold_s), 'downgraded')
  elseif age >= 10 * minute_s and over(at, minutes, 10, 4, tonumber(arg.trend_failure_ratio)) then
    downgrade('failure_rate', tonumber(arg.hold_s), 'downgraded')
  end
end

local function report()
  local other = tonumber(arg.generation) ~= num('generation')
  local stale = other or (arg.phase == 'probe' and not holds('lease'))
  if arg.count == 'add' and not other then add_witness() end
  if arg.operation == 'write' or not stale then tell_breaker() end
  if stale then return done('stale') end
  if arg.probe ~= '' then
    raise('probes.' .. arg.probe)
    set('lease', '')
    set('lease_until', 0)
  end
  local hold_s = tonumber(arg.hold_s)
  if arg.restore == '1' then
    unforce()
    raise('restores')
    done('restored')
  elseif arg.hold == 'retry_after' then
    local reason = text('reason')
    if reason == '' then reason = 'probe_failed' end
    enter(reason, now, now + math.max(hold_s, tonumber(arg.retry_after_s)), '0')
    done('reheld', reason)
  elseif arg.force ~= '' then
    downgrade(arg.force, hold_s, arg.hold == 'full' and 'reheld' or 'downgraded')
  elseif arg.count == 'zero' then
    set('failures', 0)
    set('witnesses', '')
  elseif arg.count == 'add' then
    local failures = num('failures') + 1
    done('failure_counted', string.format('%d', failures))
    if failures < tonumber(arg.failure_threshold) or not enough_witnesses() then
      set('failures', failures)
    else
      downgrade('consecutive_failures', hold_s, 'downgraded')
    end
  end
  if arg.operation == 'read' and arg.phase == 'read_write' and text('reason') == '' then follow_trend() end
end

local function force()
  local until_ = now + tonumber(arg.ttl_s)
  if arg.operator == '0' and outlasts(until_) then return done('kept', text('reason')) end
  enter(arg.reason, now, until_, arg.operator)
  if arg.operator == '1' then
    raise('forced.' .. arg.reason)
    done('forced', arg.reason)
  else
    raise('downgrades.' .. arg.reason)
    done('downgraded', arg.reason)
  end
end

local function due() return text('reason') ~= '' and now >= num('until') end

-- Whether a live worker reads with base mode read_write: then the hold ends with its probe. KEYS[2] holds the heartbeats.
local function somebody_probes()
  for _, beat in ipairs(redis.call('HVALS', KEYS[2])) do
    local seen = tonumber(string.match(beat, '"seen": ([%d.e+]+)') or '')
    local reads = string.find(beat, '"base": "read_write"', 1, true) and not string.find(beat, '"reads": false', 1, true)
    if reads and seen and seen >= now - tonumber(arg.worker_ttl_s) then return true end
  end
  return false
end

local function expire()
  if somebody_probes() then return done('stale') end
  if tonumber(arg.generation) ~= num('generation') or not due() then return done('stale') end
  local reason = text('reason')
  unforce()
  done('expired', reason)
end

local function clear()
  local reason = text('reason')
  unforce()
  done('cleared', reason)
end

local function reset_failures()
  close_breaker('read')
  done('failures_reset', string.format('%d', num('failures')))
  set('failures', 0)
  set('witnesses', '')
end

local function give_up()
  if holds('lease') then
    set('lease', '')
    set('lease_until', 0)
  end
  for side in pairs(OTHER) do
    if holds(side .. '.trial') then
      set(side .. '.trial', '')
      set(side .. '.trial_until', 0)
    end
  end
end

local HIGHEST = { joins = true, restores = true, opens = true, open_seconds = true }
local HELD = { reason = true, since = true, ['until'] = true, operator = true }

local function recover(generation)
  local ours = text('reason') ~= '' and num('until') > tonumber(arg['known.until'])
  local epoch = largest('epoch', arg['known.epoch']) + 1
  for name, value in pairs(arg) do
    local field = string.match(name, '^known%.(.+)$')
    if field and not (HELD[field] and ours) then
      if HIGHEST[field] or string.match(field, '^downgrades%.') or string.match(field, '^forced%.')
          or string.match(field, '^probes%.') then
        set(field, largest(field, value))
      else
        set(field, value)
      end
    end
  end
  set('generation', generation + (ours and 1 or 0))
  set('epoch', epoch)
  set('trend', '')
  if text('reason') ~= '' then
    set('lease', 'lost')
    set('lease_until', now + tonumber(arg.lease_s))
  end
end

local function join()
  raise('joins')
  local known = tonumber(arg['known.generation'])
  if known > num('generation') then
    recover(known)
    done('recovered', string.format('%d', known))
  end
  if arg.reason == '' then return end
  if num('generation') ~= known or text('reason') ~= '' then return done('kept', text('reason')) end
  if arg.reason == 'consecutive_failures' then
    set('failures', largest('failures', arg.failure_threshold))
    add_witness()
    if not enough_witnesses() then return done('kept') end
  end
  local until_ = math.min(tonumber(arg.until_), now + tonumber(arg.hold_s))
  enter(arg.reason, math.min(tonumber(arg.since), now), until_, '0')
  raise('downgrades.' .. arg.reason)
  done('joined', arg.reason)
end

-- The thread's entry lives as long as the longest-lived thing in it.
local function keep_entry(milliseconds)
  if redis.call('PTTL', KEYS[2]) < milliseconds then redis.call('PEXPIRE', KEYS[2], math.ceil(milliseconds)) end
end

-- One of another type is dropped: an entry is a cache.
local function own_entry()
  local version = redis.pcall('HGET', KEYS[2], 'version')
  if type(version) == 'table' and version.err then redis.call('DEL', KEYS[2]) end
end

local function pause_thread()
  if not arg.pause_s then return end
  own_entry()
  local version = tonumber(redis.call('HGET', KEYS[2], 'version') or '') or 0
  if arg.thread_version ~= '' and tonumber(arg.thread_version) ~= version then return end
  local pause_until = now + tonumber(arg.pause_s)
  if pause_until > (tonumber(redis.call('HGET', KEYS[2], 'pause_until') or '') or 0) then
    redis.call('HSET', KEYS[2], 'pause_until', string.format('%.17g', pause_until), 'why', arg.pause_why)
    keep_entry(tonumber(arg.pause_s) * 1000 + 1000)
  end
end

local function keep_context()
  if not arg.context or tonumber(arg.epoch) ~= num('epoch') then return end
  own_entry()
  local user = arg.user_id
  redis.call('HSET', KEYS[2], 'context:' .. user, arg.context, 'context_at:' .. user, string.format('%.17g', now))
  keep_entry(tonumber(arg.stale_s) * 1000)
end

local function forget_thread()
  own_entry()
  local entry, had, version = redis.call('HGETALL', KEYS[2]), '0', 0
  for i = 1, #entry, 2 do
    local field, value = entry[i], tonumber(entry[i + 1])
    if field == 'version' then
      version = value or 0
    elseif field == 'pause_until' and value and value > now then
      had = '1'
    elseif string.match(field, '^context_at:') and value and value + tonumber(arg.stale_s) > now then
      had = '1'
    end
  end
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[2], 'version', string.format('%d', version + 1))
  redis.call('PEXPIRE', KEYS[2], arg.version_ms)
  raise('epoch')
  done('forgotten', had)
end

local function acquire_probe()
  local free = text('lease') == '' or num('lease_until') <= now
  if tonumber(arg.generation) ~= num('generation') or not due() or not free then return done('denied') end
  set('lease', arg.token)
  set('lease_until', now + tonumber(arg.lease_s))
  done('granted')
end

local function acquire_trial()
  local side = arg.operation
  local open_until = num(side .. '.open_until')
  local free = text(side .. '.trial') == '' or num(side .. '.trial_until') <= now
  if tonumber(arg.era) ~= num(side .. '.era') or open_until == 0 or open_until > now or not free then
    return done('denied')
  end
  set(side .. '.trial', arg.token)
  set(side .. '.trial_until', now + tonumber(arg.lease_s))
  done('granted')
end

local function is_count(value)
  local number = tonumber(value)
  return number and math.abs(number) < 2 ^ 53 and not string.find(value, '[xX]')
end

local function is_word(value) return value == '' or string.match(value, '^[%a_][%w_]*$') end

-- What cannot be a record's, as another hand wrote it: each is set to its start, which an argument gives.
local function make_readable()
  for name, start in pairs(arg) do
    local field = string.match(name, '^start%.(.+)$')
    local value = field and record[field]
    if value and not (start == '' and is_word or is_count)(value) then set(field, start) end
  end
end

if event == 'report' then
  report()
  pause_thread()
  keep_context()
elseif event == 'force' then
  force()
elseif event == 'expire' then
  expire()
elseif event == 'clear' then
  make_readable()
  clear()
elseif event == 'reset_failures' then
  reset_failures()
elseif event == 'acquire_probe' then
  acquire_probe()
elseif event == 'acquire_trial' then
  acquire_trial()
elseif event == 'give_up' then
  give_up()
elseif event == 'join' then
  join()
elseif event == 'forget_thread' then
  forget_thread()
elseif event ~= 'snapshot' then
  return redis.error_reply('ZEPGUARD unknown event ' .. event)
end

if #changes > 0 then redis.call('HSET', KEYS[1], unpack(changes)) end

local fields = {}
for field, value in pairs(record) do
  if field ~= 'trend' then -- no process decides by it
    fields[#fields + 1] = field
    fields[#fields + 1] = value
  end
end
return { string.format('%.17g', now), order, fields }
