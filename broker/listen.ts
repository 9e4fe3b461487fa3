// Listening so that thousands can come in at once.
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

/** The kernel's own bound is usually 4096 [somaxconn]; 511 is what Node asks for by itself. */
const BACKLOG = 4096
/**
 * libuv takes in one connection for each listening socket and turn of the event loop. Under load a turn takes a while, and
 * whoever waits in the kernel waits unseen: for its timeout, not for its turn. So there are many, between which the
 * kernel divides who comes, and the waiting is done where it is in order, counted and bounded: before the sign-in.
 */
const SOCKETS = 128

export type Listening = { readonly port: number; readonly servers: readonly Server[] }

/** 0 picks a free port. Rejects when somebody else listens there. */
export async function listen(
  { port, host }: { readonly port: number; readonly host: string },
  onSocket: (socket: Socket) => void,
): Promise<Listening> {
  // No delay: what is written is already all that there is to write.
  const make = () => createServer({ noDelay: true }, onSocket)
  const single = make()
  await listening(single, { port, host, backlog: BACKLOG })
  const place = { port: (single.address() as AddressInfo).port, host, backlog: BACKLOG, reusePort: true }
  // A port that is shared may be shared with any process of this user: that nobody had it is known by now.
  await new Promise((resolve) => single.close(resolve))
  const servers = Array.from({ length: SOCKETS }, make)
  try {
    for (const server of servers) await listening(server, place)
    return { port: place.port, servers }
  } catch (error) {
    await Promise.all(servers.map((server) => server.listening && new Promise((resolve) => server.close(resolve))))
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOTSUP')) throw error
  }
  // Not every system divides connections between sockets.
  const alone = make()
  await listening(alone, { ...place, reusePort: false })
  return { port: place.port, servers: [alone] }
}

type Place = { readonly port: number; readonly host: string; readonly backlog: number; readonly reusePort?: boolean }

function listening(server: Server, place: Place): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(place, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
