// A code that is typed from a mail, an app or a paper: no dictionary, no capitals forced, digits at hand where it has only those.
import { TextInput, type TextInputProps } from '@mantine/core'

type CodeFieldProps = TextInputProps & { readonly isNumber?: boolean }

export function CodeField({ isNumber = false, ...props }: CodeFieldProps) {
  return (
    <TextInput
      autoComplete={isNumber ? 'one-time-code' : 'off'}
      autoCapitalize="characters"
      spellCheck={false}
      inputMode={isNumber ? 'numeric' : 'text'}
      styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', letterSpacing: '0.08em' } }}
      {...props}
    />
  )
}
