/* The one way the row list makes elements: text always goes in as text nodes. */

type Child = Node | string;

export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className: string,
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  if (className !== '') element.className = className;
  element.append(...children);
  return element;
}

export function button(className: string, label: string, title: string, act: () => void):
    HTMLButtonElement {
  const element = make('button', className, label);
  element.type = 'button';
  element.title = title;
  element.addEventListener('click', (event) => {
    event.stopPropagation();
    act();
  });
  return element;
}

/* Has the user just marked text in this element? Then a click was the end of that and means nothing else. */
export function textIsSelected(element: Element): boolean {
  const selection = getSelection();
  return selection !== null && selection.toString() !== '' && selection.containsNode(element, true);
}

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text); /* plain http to another machine has no clipboard API */
  }
}

function copyBySelection(text: string): boolean {
  const area = make('textarea', 'offscreen');
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done;
}
