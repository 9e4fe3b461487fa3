// Imported before any schema: zod would try `new Function` once to see whether it may, which the content policy
// refuses and browsers report as a breach.
import { z } from 'zod'

z.config({ jitless: true })
