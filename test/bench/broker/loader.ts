// The process that makes the load, and the relay, as seen by whoever measures.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { CrowdJob, CrowdResult, DisperseJob, Job, JobAnswer, RunJob, RunResult } from './job.ts'

export type Loader = {
  run(job: RunJob): Promise<RunResult>
  gather(job: CrowdJob): Promise<CrowdResult>
  disperse(): Promise<void>
  stop(): Promise<void>
}

export function startLoader(): Loader {
  const child = fork(join(import.meta.dirname, 'load.ts'), [], { serialization: 'advanced' })
  let waiting: PromiseWithResolvers<unknown> | undefined
  child.on('message', (message) => {
    const answer = message as JobAnswer
    if ('error' in answer) waiting?.reject(new Error(answer.error))
    else waiting?.resolve(answer.result)
  })
  child.once('exit', (code) => waiting?.reject(new Error(`the load has ended with ${code}`)))
  const ask = (job: Job): Promise<unknown> => {
    waiting = Promise.withResolvers()
    child.send(job)
    return waiting.promise
  }
  return {
    run: (job) => ask(job) as Promise<RunResult>,
    gather: (job) => ask(job) as Promise<CrowdResult>,
    disperse: async () => void (await ask({ do: 'disperse' } satisfies DisperseJob)),
    stop: () => end(child),
  }
}

export type Relay = { readonly pid: number; readonly port: number; stop(): Promise<void> }

export async function startRelay(frameBytes: number): Promise<Relay> {
  const child = fork(join(import.meta.dirname, 'relay.ts'), [String(frameBytes)])
  const [address] = (await once(child, 'message')) as [{ port: number }]
  return { pid: child.pid ?? 0, port: address.port, stop: () => end(child) }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill()
  await gone
}
