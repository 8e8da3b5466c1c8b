"""The production guard for Zep, a chat product's memory service."""
