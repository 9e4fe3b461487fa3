// Deletes what was received of a device under a registration that has ended, in portions.
import { forgetSamples } from '@ridethrough/db/query/history.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { Task } from 'graphile-worker'
import { z } from 'zod'

const Payload = z.object({ deviceId: z.uuid(), before: z.iso.datetime() })
const PORTION = 10_000

export function forgetSamplesTask(db: Db): Task {
  return async (payload) => {
    const { deviceId, before } = Payload.parse(payload)
    while ((await forgetSamples(db, deviceId, new Date(before), PORTION)) > 0);
  }
}
