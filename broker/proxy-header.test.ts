// Both versions of the PROXY protocol: split anywhere, followed by anything, cut short, spoilt.
import { isIP } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MOST_HEADER_BYTES, readProxyHeader } from './proxy-header.ts'

const SIGNATURE = '0d0a0d0a000d0a515549540a'
const TCP4 = '2111000cc0000201c6336407d431075b'
const TCP6 = `2121002420010db8${'00'.repeat(11)}0120010db8${'00'.repeat(11)}02d431075b`

const binary = (hex: string) => Buffer.from(SIGNATURE + hex, 'hex')

const GOOD: readonly (readonly [string, Buffer, string | undefined])[] = [
  ['a line with IPv4', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.7 56324 1883\r\n'), '192.0.2.1'],
  ['a line with IPv6', Buffer.from('PROXY TCP6 2001:db8::1 2001:db8::2 56324 1883\r\n'), '2001:db8::1'],
  ['a line of a proxy that does not know', Buffer.from('PROXY UNKNOWN\r\n'), undefined],
  [
    'a line of one that does not know, with more',
    Buffer.from('PROXY UNKNOWN ffff:: ffff:: 65535 65535\r\n'),
    undefined,
  ],
  ['binary with IPv4', binary(TCP4), '192.0.2.1'],
  ['binary with IPv6', binary(TCP6), '2001:db8:0:0:0:0:0:1'],
  ['binary with more behind the addresses', binary(`2111000f${TCP4.slice(8)}030000`), '192.0.2.1'],
  ['binary of the proxy itself', binary('20000000'), undefined],
  ['binary of what is not specified', binary('21000004ffffffff'), undefined],
]

test.each(GOOD)('%s: read whole, whatever follows, and waited for at every byte before', (_name, bytes, address) => {
  for (let end = 1; end < bytes.length; end++) expect(readProxyHeader(bytes.subarray(0, end))).toBe('incomplete')
  for (const rest of ['', '\x10\x0c', 'PROXY ', '\r\n'.repeat(100)]) {
    const length = bytes.length
    expect(readProxyHeader(Buffer.concat([bytes, Buffer.from(rest)]))).toEqual({ address, length })
  }
})

test.each([
  ['a line without end', Buffer.from(`PROXY TCP4 ${'1'.repeat(100)}`)],
  ['a line with a name', Buffer.from('PROXY TCP4 localhost 198.51.100.7 1 2\r\n')],
  ['IPv6 called IPv4', Buffer.from('PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n')],
  ['another protocol', Buffer.from('PROXY UDP4 192.0.2.1 198.51.100.7 1 2\r\n')],
  ['version 1 in binary', binary('1111000cc0000201c6336407d431075b')],
  ['an unknown command', binary('2211000cc0000201c6336407d431075b')],
  ['UDP', binary('2112000cc0000201c6336407d431075b')],
  ['a local socket', binary(`213100d8${'00'.repeat(216)}`)],
  ['too short for its addresses', binary('21210004ffffffff')],
  ['too long', binary('2111ffff')],
])('%s is malformed', (_name, bytes) => {
  expect(readProxyHeader(bytes)).toBe('malformed')
})

test.each([
  ['CONNECT', Buffer.from([0x10, 12])],
  ['TLS', Buffer.from([0x16, 3, 1])],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
  ['PUT', Buffer.from('PUT / HTTP/1.1\r\n')],
  ['a spoilt signature', Buffer.from('0d0a0d0a000d0b', 'hex')],
])('%s is none', (_name, bytes) => {
  expect(readProxyHeader(bytes)).toBe('none')
})

test('of any bytes an address comes only out of a whole header, and nothing is waited for beyond its bound', () => {
  const begin = fc.constantFrom(Buffer.from('PROXY '), Buffer.from(SIGNATURE, 'hex'), ...GOOD.map(([, bytes]) => bytes))
  fc.assert(
    fc.property(begin, fc.uint8Array({ maxLength: 4000 }), fc.nat(), fc.nat(255), (head, tail, at, value) => {
      const bytes = Buffer.concat([head, tail])
      bytes[at % bytes.length] = value
      const read = readProxyHeader(bytes)
      if (read === 'incomplete') expect(bytes.length).toBeLessThan(MOST_HEADER_BYTES)
      if (typeof read !== 'object') return
      expect(read.length).toBeLessThanOrEqual(Math.min(bytes.length, MOST_HEADER_BYTES))
      if (read.address !== undefined) expect(isIP(read.address)).not.toBe(0)
    }),
    { numRuns: 3000 },
  )
})
