// Parts as child processes of `ridethrough start`: started, awaited, started again when they fall over, stopped in order.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { ReadyMessage } from './part.ts'

const CLI = join(import.meta.dirname, 'ridethrough.ts')
const RESTART_MS = 1000

export type ChildOptions = {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly logFolder: string
  readonly say: (line: string) => void
}

export class Child {
  readonly #name: string
  readonly #options: ChildOptions
  #env: Readonly<Record<string, string>>
  #process: ChildProcess | undefined
  #isStopped = false
  #restart: NodeJS.Timeout | undefined

  private constructor(name: string, options: ChildOptions) {
    this.#name = name
    this.#options = options
    this.#env = options.env
  }

  /** Resolves with the addresses it reported. `keep` turns them into settings for restarts: a port once shown stays. */
  static async start(
    name: string,
    options: ChildOptions,
    keep: (ready: Record<string, unknown>) => Record<string, string> = () => ({}),
  ): Promise<{ child: Child; ready: Record<string, unknown> }> {
    const child = new Child(name, options)
    const ready = await child.#spawn()
    child.#env = { ...options.env, ...keep(ready) }
    return { child, ready }
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#restart)
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), 12_000)
    await ended
    clearTimeout(timer)
  }

  async #spawn(): Promise<Record<string, unknown>> {
    const { args, logFolder, say } = this.#options
    mkdirSync(logFolder, { recursive: true })
    const logPath = join(logFolder, `${this.#name}.log`)
    const logFile = createWriteStream(logPath, { flags: 'a', mode: 0o600 })
    // Its own process group: Ctrl-C reaches only us, and we stop the parts in their order.
    const child = fork(CLI, [...args], {
      env: { ...process.env, ...this.#env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#process = child
    child.stdout?.pipe(logFile, { end: false })
    child.stderr?.pipe(logFile, { end: false })
    const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
      child.once('message', (message) => resolve((message as ReadyMessage).ready))
      child.once('exit', () =>
        logFile.end(() => reject(new Error(`the ${this.#name} could not start: ${lastWords(logPath)}`))),
      )
    })
    child.removeAllListeners('exit')
    child.once('exit', (code, signal) => {
      logFile.end()
      if (this.#isStopped) return
      say(`The ${this.#name} ended (${signal ?? code}) and is started again; ${logPath} has the reason.`)
      this.#again()
    })
    return ready
  }

  #again(): void {
    this.#restart = setTimeout(() => {
      this.#spawn().catch((error: Error) => {
        this.#options.say(error.message)
        if (!this.#isStopped) this.#again()
      })
    }, RESTART_MS)
  }
}

const LogLine = z.object({
  err: z.object({ message: z.string(), code: z.string().optional(), port: z.number().optional() }),
})

/** The reason for people, where the part's last line has one; else the line. */
function lastWords(path: string): string {
  const line = readFileSync(path, 'utf8').trimEnd().split('\n').at(-1) ?? ''
  try {
    const { err } = LogLine.parse(JSON.parse(line))
    if (err.code === 'EADDRINUSE')
      return `port ${err.port} is in use: set HTTP_PORT or MQTT_PORT to another, or to 0 for a free one`
    return err.message
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return line
    throw error
  }
}
