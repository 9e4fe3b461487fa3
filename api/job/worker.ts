// Jobs that were enqueued in the transaction of a change, worked off in this process.

import type { Clock } from '@ridethrough/db/clock.ts'
import { openPool } from '@ridethrough/db/pool.ts'
import { FORGET_SAMPLES } from '@ridethrough/db/query/history.ts'
import { SEND_MAIL } from '@ridethrough/db/query/mail.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { run, type TaskList, Logger as WorkerLogger } from 'graphile-worker'
import type { Logger } from 'pino'
import type { Metrics } from '../metrics.ts'
import { forgetSamplesTask } from './forget-samples.ts'
import { openMailServer, sendMailTask } from './send-mail.ts'

export type JobWorker = { stop(): Promise<void> }

export type JobOptions = {
  readonly db: Db
  readonly databaseUrl: string
  readonly smtpUrl: string | undefined
  readonly mailFrom: string
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
}

/** Without SMTP_URL mails are left alone. */
export async function startJobs(options: JobOptions): Promise<JobWorker> {
  const { db, databaseUrl, smtpUrl, mailFrom, log } = options
  const mailServer = smtpUrl === undefined ? undefined : openMailServer(smtpUrl, mailFrom)
  const taskList: TaskList = {
    [FORGET_SAMPLES]: forgetSamplesTask(db),
    ...(mailServer ? { [SEND_MAIL]: sendMailTask(options, mailServer) } : {}),
  }
  // A pool of the worker's own making stops listening before its connections have ended: one that fails then would end the process.
  const pool = openPool(databaseUrl, log, { max: 3 })
  const runner = await run({
    pgPool: pool,
    concurrency: 2,
    noHandleSignals: true,
    pollInterval: 2000,
    taskList,
    crontab: '',
    logger: workerLogger(log),
  })
  // It rejects when the worker cannot go on; without a listener that would end the process.
  runner.promise.catch((error: unknown) => log.error({ err: error }, 'jobs are no longer worked off'))
  return {
    stop: async () => {
      await runner.stop()
      await pool.end()
      mailServer?.transport.close()
    },
  }
}

function workerLogger(log: Logger): WorkerLogger {
  return new WorkerLogger(() => (level, message) => {
    if (level === 'error') log.error(message)
    else if (level === 'warning') log.warn(message)
    else log.debug(message)
  })
}
