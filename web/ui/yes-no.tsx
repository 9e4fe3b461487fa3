// Whether something is on: a shape and a word, the colour on top of them.
import { IconShieldCheck, IconShieldOff } from '@tabler/icons-react'

export function YesNo({ isOn, children }: { readonly isOn: boolean; readonly children: string }) {
  const Icon = isOn ? IconShieldCheck : IconShieldOff
  return (
    <span
      style={{
        alignItems: 'center',
        color: isOn ? 'inherit' : 'var(--tone-battery)',
        display: 'inline-flex',
        gap: '0.3rem',
        whiteSpace: 'nowrap',
      }}
    >
      <Icon size={17} aria-hidden />
      {children}
    </span>
  )
}
