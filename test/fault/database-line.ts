// The line between a part and its PostgreSQL, which a test can cut, or leave hanging as a dead network does.

import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'

export type DatabaseLine = {
  /** For the part that is to be cut off: the same database by way of this line. */
  readonly url: string
  /** Every connection ends, and no new one is let through. */
  cut(): void
  /** Every connection stays open and carries nothing any more, in neither direction; new ones likewise. */
  hang(): void
  /** New connections are carried again; those that hung are ended. */
  mend(): void
  stop(): Promise<void>
}

/** `databaseUrl` names a server by its socket's folder, as those of the tests do. */
export async function startDatabaseLine(databaseUrl: string): Promise<DatabaseLine> {
  const target = new URL(databaseUrl)
  const path = join(target.searchParams.get('host') ?? '', '.s.PGSQL.5432')
  const sockets = new Set<Socket>()
  let state: 'carries' | 'cut' | 'hangs' = 'carries'
  const endAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  const server = createServer((near) => {
    keep(near)
    if (state === 'cut') near.destroy()
    if (state !== 'carries') return
    const far = connect(path)
    keep(far)
    near.on('data', (chunk) => state === 'carries' && far.write(chunk))
    far.on('data', (chunk) => state === 'carries' && near.write(chunk))
    near.once('close', () => far.destroy())
    far.once('close', () => near.destroy())
  })
  function keep(socket: Socket): void {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `postgresql://postgres@127.0.0.1:${port}${target.pathname}`,
    cut: () => {
      state = 'cut'
      endAll()
    },
    hang: () => {
      state = 'hangs'
    },
    mend: () => {
      endAll()
      state = 'carries'
    },
    stop: () => {
      endAll()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
