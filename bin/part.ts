// Runs one part as a process: says when it is ready, stops on a signal or when its parent is gone.
import closeWithGrace from 'close-with-grace'
import { type Logger, pino } from 'pino'

export type Running = { stop(): Promise<void> }

/** What a parent hears over the channel of `fork` once the part listens: its addresses. */
export type ReadyMessage = { readonly ready: Readonly<Record<string, unknown>> }

export type PartOptions<T extends Running> = {
  readonly name: string
  readonly logLevel: string
  readonly start: (log: Logger) => Promise<T>
  /** What the log says of it: addresses, never secrets. */
  readonly addresses: (running: T) => Record<string, unknown>
  /** What only a parent is told, over its channel. */
  readonly confidential?: (running: T) => Record<string, unknown>
}

export async function runPart<T extends Running>(options: PartOptions<T>): Promise<void> {
  const { name, start, addresses, confidential } = options
  const log = pino({ name, level: options.logLevel })
  try {
    const running = await start(log)
    closeWithGrace({ delay: 10_000, logger: log }, async ({ err }) => {
      if (err) log.fatal({ err }, 'stopping after an error that nobody caught')
      await running.stop()
    })
    const ready = addresses(running)
    log.info(ready, 'ready')
    if (process.send) {
      process.send({ ready: { ...ready, ...confidential?.(running) } } satisfies ReadyMessage)
      // A parent that was killed cannot ask us to stop, but its channel closes.
      process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
    }
  } catch (error) {
    log.fatal({ err: error }, `${name} could not start`)
    process.exitCode = 1
    process.disconnect?.()
  }
}
