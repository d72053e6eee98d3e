/* A button that opens a small sheet below itself. Closes on Escape, a click elsewhere, or by its owner. */

import type { Signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

interface MenuProps {
  open: Signal<boolean>;
  label: ComponentChildren;
  title: string;
  className?: string;
  alignRight?: boolean;
  children: ComponentChildren;
}

export function Menu({ open, label, title, className, alignRight, children }: MenuProps) {
  const root = useRef<HTMLDivElement>(null);
  const isOpen = open.value;

  useEffect(() => {
    if (!isOpen) return;
    const close = (event: Event): void => {
      if (!root.current!.contains(event.target as Node)) open.value = false;
    };
    const escape = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      open.value = false;
      root.current!.querySelector('button')!.focus();
    };
    document.addEventListener('pointerdown', close, true);
    root.current!.addEventListener('keydown', escape);
    const element = root.current!;
    root.current!.querySelector<HTMLElement>('.sheet a, .sheet button')?.focus();
    return () => {
      document.removeEventListener('pointerdown', close, true);
      element.removeEventListener('keydown', escape);
    };
  }, [isOpen]);

  return (
    <div class={`menu ${className ?? ''}`} ref={root}>
      <button type="button" class="btn" title={title} aria-haspopup="true" aria-expanded={isOpen}
        onClick={() => (open.value = !isOpen)}>
        {label}
      </button>
      {isOpen && <div class={`sheet ${alignRight ? 'right' : ''}`}>{children}</div>}
    </div>
  );
}
