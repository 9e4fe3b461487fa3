// The small web server for those who run the broker: is it alive, may it serve, what does it count?
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Metrics } from './metrics.ts'

/** `isReady` decides /readyz; /healthz only says that the process answers. */
export async function serveMetrics(
  metrics: Metrics,
  options: { readonly host: string; readonly port: number; readonly isReady: () => boolean },
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    response.on('error', () => response.destroy())
    answer(request.url ?? '/', response, metrics, options.isReady)
  })
  server.requestTimeout = 5000
  await listening(server, options.port, options.host)
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${options.host}:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function answer(url: string, response: ServerResponse, metrics: Metrics, isReady: () => boolean): void {
  const path = url.split('?', 1)[0]
  if (path === '/healthz') say(response, 200, 'ok\n')
  else if (path === '/readyz' && isReady()) say(response, 200, 'ready\n')
  else if (path === '/readyz') say(response, 503, 'not serving: changes of access cannot be confirmed\n')
  else if (path === '/metrics') {
    metrics.registry.metrics().then(
      (text) => say(response, 200, text, metrics.registry.contentType),
      () => say(response, 500, 'metrics could not be collected\n'),
    )
  } else say(response, 404, 'not found\n')
}

function say(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text)
}

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
