// The process that makes the load: takes one job after the other from its parent.
import { disperse, gather } from './crowd.ts'
import type { Job, JobAnswer } from './job.ts'
import { runJob } from './run.ts'

process.on('message', (message) => {
  const answer = (one: JobAnswer) => process.send?.(one)
  run(message as Job).then(
    (result) => answer({ result }),
    (error: unknown) => answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  )
})
process.on('disconnect', () => process.exit(0))

function run(job: Job): Promise<unknown> {
  if (job.do === 'run') return runJob(job)
  return job.do === 'crowd' ? gather(job) : disperse()
}
