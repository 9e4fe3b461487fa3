// Watches a server from a thread of its own: how long its health check takes, and how much memory it holds.
import { readFileSync } from 'node:fs'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { type Spread, spreadOf } from './figures.ts'

export type Probed = {
  readonly healthMs: Spread
  /** Checks that got no answer: the process was gone, or did not answer within a second. */
  readonly failed: number
}

export type Probe = { stop(): Promise<Probed> }

const EVERY_MS = 50

/** `urlOf` is asked for each check: a server that was started again may have another port. */
export function startProbe(metricsUrl: string): Probe {
  const worker = new Worker(new URL(import.meta.url), { workerData: metricsUrl })
  return {
    stop: async () => {
      const { promise, resolve } = Promise.withResolvers<Probed>()
      worker.once('message', resolve)
      worker.postMessage('stop')
      const probed = await promise
      await worker.terminate()
      return probed
    },
  }
}

/** Resident memory in bytes, and the most there ever was. */
export function memoryOf(pid: number): { readonly rss: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const read = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) * 1024
  return { rss: read('VmRSS'), peak: read('VmHWM') }
}

async function watch(url: URL): Promise<void> {
  const took: number[] = []
  let failed = 0
  let isStopped = false
  parentPort?.once('message', () => {
    isStopped = true
  })
  while (!isStopped) {
    const started = performance.now()
    try {
      await (await fetch(url, { signal: AbortSignal.timeout(1000) })).text()
      took.push(performance.now() - started)
    } catch {
      failed += 1
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
  }
  parentPort?.postMessage({ healthMs: spreadOf(took), failed } satisfies Probed)
}

if (typeof workerData === 'string') await watch(new URL('/healthz', workerData))
