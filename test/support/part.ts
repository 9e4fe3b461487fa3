// A part as a process of its own, so that it can be killed as a power cut would.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const CLI = join(import.meta.dirname, '../../bin/ridethrough.ts')

export type Part = {
  readonly ready: Readonly<Record<string, string>>
  readonly process: ChildProcess
  /** SIGKILL, and resolves when it is gone. */
  kill(): Promise<void>
  stop(): Promise<void>
}

export async function startPart(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Part> {
  const child = fork(CLI, [...args], {
    env: { ...process.env, LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4000)
    })
  }
  const ready = await new Promise<Record<string, string>>((resolve, reject) => {
    child.once('message', (message) => resolve((message as { ready: Record<string, string> }).ready))
    child.once('exit', (code) => reject(new Error(`${args.join(' ')} ended with ${code}: ${said}`)))
  })
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }
  return { ready, process: child, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') }
}
