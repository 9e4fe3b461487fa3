// Payload of `v1/errors`: why the broker refused something to the one client that reads it.
import { z } from 'zod'

export const RefusalMessage = z.strictObject({ topic: z.string(), code: z.string(), message: z.string() })
export type RefusalMessage = z.infer<typeof RefusalMessage>
