import { expect, test } from 'vitest'
import { spread } from './farewell.ts'

test('few are shown out at once; many one after the other, everybody once', async () => {
  const gone: number[] = []
  const few = spread([1, 2, 3], 30, (one) => gone.push(one))
  expect(gone).toEqual([1, 2, 3])
  await few
  const many = spread([4, 5, 6, 7, 8, 9, 10], 30, (one) => gone.push(one))
  expect(gone).toEqual([1, 2, 3, 4, 5, 6])
  await many
  expect(gone).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
})

test('all are gone within a second, whatever the pace', () => {
  let gone = 0
  void spread(Array.from({ length: 1000 }), 1, () => {
    gone += 1
  })
  expect(gone).toBe(100)
})
