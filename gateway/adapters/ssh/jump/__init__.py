"""SSH within SSH: people who jump through the gateway, and the gateway's own way to a target behind another."""
