// The token of a link: opens it for whoever has it, and can be shown again to those who made it.
import { setImmediate } from 'node:timers/promises'
import type { Link } from '@ridethrough/db/query/link.ts'
import { toString as drawQr } from 'qrcode'
import type { ApiContext } from '../context.ts'

/** Pictures that are kept, so that a list is not drawn anew each time it is looked at. */
const MOST_PICTURES = 500
const pictures = new Map<string, string>()

type Shown = { readonly url: string; readonly svg: string }

/** Nothing for a link that has ended, and for one that was sealed under another SECRET_KEY. */
export async function showLink(context: ApiContext, link: Link): Promise<Shown> {
  if (link.endedAt) return { url: '', svg: '' }
  const token = tokenOf(context, link)
  if (token === undefined) return { url: '', svg: '' }
  const url = `${context.settings.publicUrl()}/link#${token}`
  return { url, svg: await pictureOf(url) }
}

function tokenOf({ linkSecrets, log }: ApiContext, link: Link): string | undefined {
  try {
    return linkSecrets.open(link.tokenSealed, link.id)
  } catch (error) {
    // It still opens for whoever has it, and must be possible to end.
    log.warn({ err: error, link: link.id }, 'a link cannot be shown again')
    return undefined
  }
}

async function pictureOf(url: string): Promise<string> {
  const known = pictures.get(url)
  if (known !== undefined) return known
  // Drawing takes milliseconds of nothing else: between two of a list others get their turn, and the lease its renewal.
  await setImmediate()
  const svg = await drawQr(url, { type: 'svg', margin: 2, errorCorrectionLevel: 'M' })
  const [oldest] = pictures.keys()
  if (oldest !== undefined && pictures.size >= MOST_PICTURES) pictures.delete(oldest)
  pictures.set(url, svg)
  return svg
}
