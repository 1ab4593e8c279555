// The heads of a sortable table become buttons. A click sorts by the first number of a cell, else by its text; empty cells stay last.
const value = cell => {
  const text = cell.textContent.trim(), number = parseFloat(text.replace('\u2212', '-'));
  return text === '' ? null : isNaN(number) ? text.toLowerCase() : number;
};
const compare = (a, b) => typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === 'number' ? -1 : 1;
function sort(table, column, head) {
  const up = head.getAttribute('aria-sort') === 'descending', body = table.tBodies[0];
  const rows = [...body.rows].map((row, i) => [value(row.cells[column]), i, row]);
  rows.sort(([a, i], [b, j]) => a === null || b === null ? (a === null) - (b === null) || i - j : (up ? compare(a, b) : compare(b, a)) || i - j);
  for (const h of table.tHead.rows[0].cells) h.removeAttribute('aria-sort');
  head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
  body.append(...rows.map(r => r[2]));
}
for (const table of document.querySelectorAll('table.sortable'))
  [...table.tHead.rows[0].cells].forEach((head, i) => {
    if (!head.textContent.trim()) return;
    const button = document.createElement('button');
    button.append(...head.childNodes);
    button.addEventListener('click', () => sort(table, i, head));
    head.append(button);
  });
