"""How the service runs under uvicorn: the port, the processes, the protocol and the way to stop."""
