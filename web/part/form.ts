// A form's values, the faults at its fields, and sending it: checked by the API's own schema first.
import { Fault } from '@ridethrough/protocol/fault.ts'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { z } from 'zod'
import { checkFields, type FieldFaults, fieldFaults, sayFault } from '../data/fault.ts'

type FormOptions<V extends object, S extends z.ZodType, A> = {
  readonly initial: V
  readonly schema: S
  /** What is checked and sent, made from what was typed. */
  readonly toBody?: (values: V) => unknown
  readonly send: (body: z.output<S>) => Promise<A>
  readonly onDone: (answer: A, values: V) => void
}

export function useForm<V extends object, S extends z.ZodType, A>(options: FormOptions<V, S, A>) {
  const { t } = useTranslation()
  const { schema, toBody = (each: V) => each as unknown } = options
  const [values, setValues] = useState(options.initial)
  const [faults, setFaults] = useState<FieldFaults>({})
  const sending = useMutation({
    mutationFn: (body: z.output<S>) => options.send(body),
    onSuccess: (answer) => options.onDone(answer, values),
    onError: (error) => setFaults(fieldFaults(error)),
  })

  function set<K extends keyof V & string>(field: K, value: V[K]): void {
    setValues((before) => ({ ...before, [field]: value }))
    setFaults(({ [field]: _gone, ...rest }) => rest)
  }

  // Fields that make up one input of the schema: which fault was theirs is not told by their names.
  function change(fields: Partial<V>): void {
    setValues((before) => ({ ...before, ...fields }))
    setFaults({})
  }

  function submit(event: FormEvent): void {
    event.preventDefault()
    const body = toBody(values)
    const found = checkFields(schema, body, t)
    setFaults(found)
    sending.reset()
    if (Object.keys(found).length > 0) return
    sending.mutate(schema.parse(body))
  }

  /** Props of a text field; a fault shows at it until it is changed. */
  function field<K extends keyof V & string>(name: K) {
    return {
      name,
      value: String(values[name]),
      error: faults[name],
      onChange: (event: { currentTarget: { value: string } }) => set(name, event.currentTarget.value as V[K]),
    }
  }

  // What a field already says is not said twice.
  const isAtField = sending.error !== null && Object.keys(faults).some((name) => name in values)
  return {
    values,
    faults,
    set,
    /** Several fields at once. */
    change,
    field,
    submit,
    isSending: sending.isPending,
    fault: sending.error && !isAtField ? sayFault(sending.error, t) : undefined,
    /** The problem's code, where a page has its own words for it. */
    problem: sending.error instanceof Fault ? sending.error.code : undefined,
  }
}
