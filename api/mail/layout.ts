// One look for every mail: the same parts as plain text and as HTML.
import type { NewMail } from '@ridethrough/db/query/mail.ts'

export type MailPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'code'; readonly code: string }
  | { readonly kind: 'link'; readonly label: string; readonly href: string }

export type MailContent = {
  readonly recipient: string
  readonly subject: string
  readonly parts: readonly MailPart[]
  readonly footer: string
}

export function renderMail({ recipient, subject, parts, footer }: MailContent): NewMail {
  const text = [...parts.map(partAsText), `-- \n${footer}`].join('\n\n')
  const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>${escapeHtml(subject)}</title></head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif"><div style="max-width:560px;margin:0 auto">
${parts.map(partAsHtml).join('\n')}
<p style="margin-top:32px;font-size:13px;opacity:.7">${escapeHtml(footer)}</p>
</div></body></html>
`
  // What people call themselves stands in subjects: a line break there would start a header of their own.
  return { recipient, subject: subject.replace(/[\r\n\t]+/g, ' '), text: `${text}\n`, html }
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

function partAsText(part: MailPart): string {
  if (part.kind === 'text') return part.text
  if (part.kind === 'list') return part.items.map((item) => `  * ${item}`).join('\n')
  if (part.kind === 'code') return `    ${part.code}`
  return `${part.label}: ${part.href}`
}

function partAsHtml(part: MailPart): string {
  if (part.kind === 'text') return `<p>${escapeHtml(part.text)}</p>`
  if (part.kind === 'list') return `<ul>${part.items.map((item) => `<li>${escapeHtml(item)}</li>`).join('')}</ul>`
  if (part.kind === 'code')
    return `<p style="font:600 24px/1.4 ui-monospace,monospace;letter-spacing:2px">${escapeHtml(part.code)}</p>`
  return `<p><a href="${escapeHtml(part.href)}">${escapeHtml(part.label)}</a></p>`
}
