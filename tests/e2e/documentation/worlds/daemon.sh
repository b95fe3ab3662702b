# mcpd and a local gateway with their usual ports.
mcpctl daemon start
