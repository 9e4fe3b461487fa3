// Many connections that say nothing: how fast they are let in, and what each of them costs while it stays.
import { spreadOf } from '../figures.ts'
import type { CrowdJob, CrowdResult } from './job.ts'
import { type LoadSocket, openLoadSocket, signIn } from './socket.ts'

let crowd: LoadSocket[] = []

/** Lets them in, so many at once, and keeps them until they are dispersed. */
export async function gather({ port, logins, atOnce }: CrowdJob): Promise<CrowdResult> {
  const took: number[] = []
  let next = 0
  let refused = 0
  const cpu = process.cpuUsage()
  const began = performance.now()
  const worker = async () => {
    for (let login = logins[next++]; login; login = logins[next++]) {
      const at = performance.now()
      try {
        const client = await openLoadSocket(port)
        await signIn(client, login)
        crowd.push(client)
        took.push(performance.now() - at)
      } catch {
        // whatever was answered instead of "welcome": counted and shown
        refused += 1
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  const seconds = (performance.now() - began) / 1000
  const used = process.cpuUsage(cpu)
  const { p50, p99 } = spreadOf(took)
  return {
    ...{ connected: took.length, refused, seconds, connectsPerSecond: took.length / seconds, p50Ms: p50, p99Ms: p99 },
    loadCpuSeconds: (used.user + used.system) / 1e6,
  }
}

export async function disperse(): Promise<void> {
  const closed = crowd.map(({ socket }) => new Promise((resolve) => socket.once('close', resolve)))
  for (const { socket } of crowd) socket.destroy()
  crowd = []
  await Promise.all(closed)
}
