// From where and with what somebody comes: for people to recognise, and to tell a place from one that is new.
import type { FastifyRequest } from 'fastify'

/** Where a session is made from. */
export type Place = {
  readonly address: string
  readonly userAgent: string
  readonly kind?: 'browser' | 'program'
}

export function placeOf({ ip, headers }: FastifyRequest): Place {
  // Only browsers send these, and always with what changes something.
  const isBrowser = headers.origin !== undefined || headers['sec-fetch-site'] !== undefined
  return { address: ip, userAgent: headers['user-agent'] ?? '', kind: isBrowser ? 'browser' : 'program' }
}

/** The first that fits: browsers name those that they descend from as well. */
const BROWSERS: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\bEdg(e|A|iOS)?\//, 'Edge'],
  [/\b(OPR|Opera)\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/\b(Chrome|CriOS|Chromium|HeadlessChrome)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
  [/\bcurl\//, 'curl'],
  [/\bHomeAssistant\b/i, 'Home Assistant'],
  [/\b(node|undici|axios|got)\b/i, 'Node.js'],
  [/\bpython\b/i, 'Python'],
]

const SYSTEMS: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\b(iPhone|iPad|iPod)\b/, 'iOS'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X|Macintosh\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
]

export function browserOf(userAgent: string): string {
  return nameIn(BROWSERS, userAgent) ?? 'other'
}

/** "Firefox on Linux". */
export function deviceOf(userAgent: string): string {
  const browser = nameIn(BROWSERS, userAgent)
  const system = nameIn(SYSTEMS, userAgent)
  if (browser && system) return `${browser} on ${system}`
  return browser ?? system ?? 'a program'
}

/** The neighbourhood of an address: /24 of IPv4, /48 of IPv6. Homes and offices change addresses within it. */
export function neighbourhoodOf(address: string): string {
  const ipv4 = /^(?:::ffff:)?(\d+\.\d+\.\d+)\.\d+$/i.exec(address)?.[1]
  if (ipv4 !== undefined) return `${ipv4}.0/24`
  const [head = '', tail] = address.replace(/%.*$/, '').toLowerCase().split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length)
  const groups = [...first, ...Array.from({ length: zeros }, () => '0'), ...last].slice(0, 3)
  return `${groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/48`
}

function nameIn(table: readonly (readonly [pattern: RegExp, name: string])[], text: string): string | undefined {
  return table.find(([pattern]) => pattern.test(text))?.[1]
}
