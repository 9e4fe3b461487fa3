// The mailbox page: what would have been mailed. Registered only where there is no mail server.
import { listMails, type Mail } from '@ridethrough/db/query/mail.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { escapeHtml } from '../mail/layout.ts'

const MOST_SHOWN = 100

const MailList = z.object({
  items: z.array(
    z.object({
      id: z.uuid(),
      recipient: z.string(),
      subject: z.string(),
      text: z.string(),
      html: z.string(),
      createdAt: z.iso.datetime(),
    }),
  ),
})

export const mailboxRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.get('/dev/mailbox', { config: { needs: 'nobody' }, schema: { hide: true } }, async (_request, reply) => {
    const mails = await listMails(context.db, MOST_SHOWN)
    return reply.type('text/html; charset=utf-8').header('cache-control', 'no-store').send(pageOf(mails))
  })

  app.get(
    '/dev/mailbox.json',
    { config: { needs: 'nobody' }, schema: { hide: true, response: { 200: MailList } } },
    async (_request, reply) => {
      const mails = await listMails(context.db, MOST_SHOWN)
      const items = mails.map((mail) => ({ ...mail, createdAt: mail.createdAt.toISOString() }))
      return reply.header('cache-control', 'no-store').send({ items })
    },
  )
}

function pageOf(mails: readonly Mail[]): string {
  const items = mails.map(
    (mail) => `<article><h2>${escapeHtml(mail.subject)}</h2>
<p>To ${escapeHtml(mail.recipient)}, <time>${mail.createdAt.toISOString()}</time></p>
<pre style="white-space:pre-wrap">${linked(escapeHtml(mail.text))}</pre></article>`,
  )
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>Mailbox</title></head><body style="font:16px/1.5 system-ui,sans-serif;max-width:720px;margin:24px auto;padding:0 16px">
<h1>Mailbox</h1><p>No mail server is set (SMTP_URL), so mails are kept here. The newest come first.</p>
${items.join('<hr>\n') || '<p>There are no mails yet.</p>'}
</body></html>
`
}

function linked(escaped: string): string {
  return escaped.replace(/https?:\/\/[^\s<]+/g, (url) => `<a href="${url}">${url}</a>`)
}
