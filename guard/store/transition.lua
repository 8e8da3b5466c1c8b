-- The transition function of guard/core/machine.py, atomic in the store. Rules arrive as arguments: the table of
-- guard/core/table.py stays the only one. Times are unix seconds by the store's own clock unless ARGV[2] gives one.
--
-- KEYS  1 the record (hash)   2 the thread's entry (hash)   3 its version; 2 and 3 only for a report that pauses it
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
local flat = redis.call('HGETALL', KEYS[1])
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
  if closed and failures < tonumber(arg.breaker_threshold) then
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
  set('lease', '')
  set('lease_until', 0)
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

local function report()
  local stale = tonumber(arg.generation) ~= num('generation')
      or (arg.phase == 'probe' and not holds('lease'))
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
  elseif arg.count == 'add' then
    local failures = num('failures') + 1
    done('failure_counted', string.format('%d', failures))
    if failures < tonumber(arg.failure_threshold) then
      set('failures', failures)
    else
      downgrade('consecutive_failures', hold_s, 'downgraded')
    end
  end
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

local function expire()
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

if event == 'report' then
  report()
  local version = arg.pause_s and tonumber(redis.call('GET', KEYS[3]) or '0')
  if arg.pause_s and (arg.thread_version == '' or tonumber(arg.thread_version) == version) then
    local pause_until = now + tonumber(arg.pause_s)
    if pause_until > (tonumber(redis.call('HGET', KEYS[2], 'pause_until') or '') or 0) then
      redis.call('HSET', KEYS[2], 'pause_until', string.format('%.17g', pause_until), 'why', arg.pause_why)
      redis.call('PEXPIRE', KEYS[2], math.ceil(tonumber(arg.pause_s) * 1000) + 1000)
    end
  end
elseif event == 'force' then
  force()
elseif event == 'expire' then
  expire()
elseif event == 'clear' then
  clear()
elseif event == 'reset_failures' then
  reset_failures()
elseif event == 'acquire_probe' then
  acquire_probe()
elseif event == 'acquire_trial' then
  acquire_trial()
elseif event ~= 'snapshot' then
  return redis.error_reply('ZEPGUARD unknown event ' .. event)
end

if #changes > 0 then redis.call('HSET', KEYS[1], unpack(changes)) end

local fields = {}
for field, value in pairs(record) do
  fields[#fields + 1] = field
  fields[#fields + 1] = value
end
return { string.format('%.17g', now), order, fields }
