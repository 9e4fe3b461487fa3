// Links and buttons that go somewhere within the console: typed by the router.
import { Anchor, type AnchorProps, Button, type ButtonProps } from '@mantine/core'
import { createLink } from '@tanstack/react-router'
import type { AnchorHTMLAttributes, Ref } from 'react'

type Html<P> = P & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof P> & { readonly ref?: Ref<HTMLAnchorElement> }

export const LinkButton = createLink((props: Html<ButtonProps>) => <Button component="a" {...props} />)
export const TextLink = createLink((props: Html<AnchorProps>) => <Anchor {...props} />)
