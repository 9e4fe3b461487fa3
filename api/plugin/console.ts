// The built console: its files, and index.html for every address that is a page of it.
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'

/** False when there is no build at `folder`: the API works without. */
export async function serveConsole(app: FastifyInstance, folder: string | undefined): Promise<boolean> {
  if (folder === undefined || !(await isBuild(folder))) return false
  await app.register(fastifyStatic, {
    root: resolve(folder),
    wildcard: false,
    index: false,
    setHeaders: (reply, path) => {
      // Vite puts a hash into these names; everything else must be asked for again, the service worker above all.
      const isHashed = path.includes(`${join('/', 'assets')}/`)
      reply.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache')
    },
  })
  app.get('/*', { schema: { hide: true } }, (request, reply) => {
    const path = request.url.replace(/[?#].*$/, '')
    const isPage = !/^\/(api|dev|assets)(\/|$)/.test(path) && !/\.[a-z0-9]{1,8}$/i.test(path)
    if (!isPage) return reply.callNotFound()
    return reply.sendFile('index.html')
  })
  return true
}

async function isBuild(folder: string): Promise<boolean> {
  try {
    return (await stat(join(folder, 'index.html'))).isFile()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}
