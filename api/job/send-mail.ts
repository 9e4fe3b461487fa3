// Sends one mail. What the mail server refuses for good is given up; everything else is tried again.
import type { Clock } from '@ridethrough/db/clock.ts'
import { findWaitingMail, markMailFailed, markMailSent } from '@ridethrough/db/query/mail.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { JobHelpers, Task } from 'graphile-worker'
import { createTransport, type Transporter } from 'nodemailer'
import { z } from 'zod'
import type { Metrics } from '../metrics.ts'

const Payload = z.object({ mailId: z.uuid() })

export type MailServer = { readonly transport: Transporter; readonly from: string }

/** A mail is text that others wrote: nothing in it may make nodemailer open files or addresses. */
export function openMailServer(smtpUrl: string, from: string): MailServer {
  const transport = createTransport({
    url: smtpUrl,
    pool: true,
    maxConnections: 2,
    disableFileAccess: true,
    disableUrlAccess: true,
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 30_000,
  })
  return { transport, from }
}

export function sendMailTask(
  { db, clock, metrics }: { db: Db; clock: Clock; metrics: Metrics },
  { transport, from }: MailServer,
): Task {
  return async (payload, helpers) => {
    const { mailId } = Payload.parse(payload)
    const mail = await findWaitingMail(db, mailId)
    if (!mail) return
    try {
      await transport.sendMail({
        from,
        to: { name: '', address: mail.recipient },
        subject: mail.subject,
        text: mail.text,
        html: mail.html,
        date: mail.createdAt,
        // The same at each try: a server that took it, and whose answer was lost, can tell the second from a new one.
        messageId: `<${mail.id}@${domainOf(from)}>`,
        headers: { 'Auto-Submitted': 'auto-generated' },
      })
    } catch (error) {
      const failure = failureOf(error)
      if (!failure.isFinal && !isLastTry(helpers)) {
        metrics.mails.inc({ outcome: 'retried' })
        // A new error: the original's fields may quote the mail, and graphile-worker keeps what is thrown.
        throw new Error(`mail ${mailId} was not taken: ${failure.words}`)
      }
      await markMailFailed(db, mailId, new Date(clock.now()), failure.words)
      metrics.mails.inc({ outcome: 'failed' })
      helpers.logger.warn(`mail ${mailId} was given up: ${failure.words}`)
      return
    }
    await markMailSent(db, mailId, new Date(clock.now()))
    metrics.mails.inc({ outcome: 'sent' })
  }
}

/** Where a refusal is about this mail. What is refused before that is about us (our sender, our sign-in): the operator can mend it. */
const OF_THE_MAIL = new Set<unknown>(['RCPT TO', 'DATA'])

/** RFC 5321 section 4.2.1: 5yz is a permanent refusal, 4yz asks to try again; without a reply nobody has refused anything. */
function failureOf(error: unknown): { isFinal: boolean; words: string } {
  const { responseCode, code, command } = (error ?? {}) as Readonly<Record<string, unknown>>
  const reply = typeof responseCode === 'number' ? responseCode : undefined
  const isRefused = reply !== undefined && reply >= 500 && OF_THE_MAIL.has(command)
  // EENVELOPE without a reply: the address cannot even be sent.
  const isFinal = isRefused || (code === 'EENVELOPE' && reply === undefined)
  return { isFinal, words: [code, command, reply].filter((part) => part !== undefined).join(' ') || 'no reply' }
}

function isLastTry({ job }: JobHelpers): boolean {
  return job.attempts >= job.max_attempts
}

function domainOf(from: string): string {
  return /@([A-Za-z0-9.-]+)/.exec(from)?.[1] ?? 'localhost'
}
