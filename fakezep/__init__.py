"""A Zep server that the real SDKs cannot tell from Zep, with fault and latency control."""
