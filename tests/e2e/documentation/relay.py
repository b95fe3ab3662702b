"""Connects what listens on a port to where something is, and ends TLS where it is told a certificate.

    relay.py LISTEN TARGET [CERTIFICATE KEY]

LISTEN is ADDRESS:PORT; TARGET the same, or the path of a Unix socket. Pages of the documentation name machines that are
elsewhere: this brings them here."""

import asyncio
import ssl
import sys


async def pump(reader, writer):
    try:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except (ConnectionError, ssl.SSLError):
        pass


async def main():
    listen, target, *pair = sys.argv[1:]
    address, port = listen.rsplit(":", 1)

    async def relay(reader, writer):
        try:
            if target.startswith("/"):
                there = await asyncio.open_unix_connection(target)
            else:
                there = await asyncio.open_connection(*target.rsplit(":", 1))
            await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))
            there[1].close()
        except OSError:
            pass
        finally:
            writer.close()

    context = None
    if pair:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*pair)
    server = await asyncio.start_server(relay, address, int(port), ssl=context)
    async with server:
        await server.serve_forever()


asyncio.run(main())
