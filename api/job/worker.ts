// Jobs that were enqueued in the transaction of a change, worked off in this process.

import type { Clock } from '@ridethrough/db/clock.ts'
import { openPool } from '@ridethrough/db/pool.ts'
import { FORGET_SAMPLES } from '@ridethrough/db/query/history.ts'
import { SEND_MAIL } from '@ridethrough/db/query/mail.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { run, type TaskList, Logger as WorkerLogger } from 'graphile-worker'
import type { Logger } from 'pino'
import type { Metrics } from '../metrics.ts'
import type { NoticeContext } from '../notice.ts'
import { forgetSamplesTask } from './forget-samples.ts'
import { forgetOldNotices, keepTime } from './keep-time.ts'
import { openMailServer, sendMailTask } from './send-mail.ts'

export type JobWorker = { stop(): Promise<void> }

export const KEEP_TIME = 'keep_time'
export const FORGET_NOTICES = 'forget_notices'

/** However many processes there are, each falls due once. With its key, one that is still waiting is not joined by another. */
const CRONTAB = `
* * * * * ${KEEP_TIME} ?max=1&jobKey=${KEEP_TIME}
17 * * * * ${FORGET_NOTICES} ?max=3&jobKey=${FORGET_NOTICES}
`

export type JobOptions = NoticeContext & {
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
    [KEEP_TIME]: () => keepTime(options),
    [FORGET_NOTICES]: () => forgetOldNotices(options),
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
    crontab: CRONTAB,
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
