// A button that, when it may not be pressed, stays reachable and says why.
import { Button, type ButtonProps, Tooltip, VisuallyHidden } from '@mantine/core'
import { type ReactNode, useId } from 'react'

type ActionProps = Omit<ButtonProps, 'disabled'> & {
  readonly children: string
  /** Nothing of its own, where the button submits a form. */
  readonly onPress?: () => void
  readonly type?: 'submit' | 'button'
  /** Why it may not be pressed; `undefined` when it may. */
  readonly hindrance?: string | undefined
  readonly label?: string
  readonly icon?: ReactNode
}

export function Action({ children, onPress, hindrance, label, icon, ...rest }: ActionProps) {
  const reasonId = useId()
  const look = { px: 'sm', ...rest, leftSection: icon, 'aria-label': label }
  if (hindrance === undefined) {
    return (
      <Button {...look} onClick={onPress}>
        {children}
      </Button>
    )
  }
  return (
    <>
      <Tooltip label={hindrance} multiline maw={280} events={{ hover: true, focus: true, touch: true }}>
        <Button
          {...look}
          data-disabled
          aria-disabled
          aria-describedby={reasonId}
          onClick={(event) => event.preventDefault()}
        >
          {children}
        </Button>
      </Tooltip>
      <VisuallyHidden id={reasonId}>{hindrance}</VisuallyHidden>
    </>
  )
}
