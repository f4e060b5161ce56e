// Numbers and times in the reader's own language and zone, with UTC beside.

const whole = new Intl.NumberFormat();
const tenths = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const cents = new Intl.NumberFormat(undefined, { style: "currency", currency: "USD" });
const parts = new Intl.NumberFormat(undefined, { style: "currency", currency: "USD", minimumFractionDigits: 4 });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export function number(count) {
  return whole.format(count);
}

export function rate(value) {
  return value < 99.95 ? tenths.format(value) : whole.format(Math.round(value));
}

export function dollars(value) {
  return value > 0 && value < 0.1 ? parts.format(value) : cents.format(value);
}

export function seconds(value) {
  if (value < 0.05) return "0 s";
  if (value < 120) return `${tenths.format(value)} s`;
  return value < 7200 ? `${tenths.format(value / 60)} min` : `${tenths.format(value / 3600)} h`;
}

export function time(milliseconds) {
  const date = new Date(milliseconds);
  return `${moment.format(date)} (${date.toISOString().slice(11, 19)} UTC)`;
}

// Rewrites the numbers and times below an element, each once.
export function localize(root) {
  for (const data of root.querySelectorAll("data[value]:not([data-local])")) {
    const value = Number(data.value);
    data.dataset.local = "";
    if (data.textContent.startsWith("$")) data.textContent = dollars(value);
    else data.textContent = data.value.includes(".") ? rate(value) : number(value);
  }
  for (const element of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const milliseconds = Date.parse(element.dateTime);
    element.dataset.local = "";
    if (!Number.isNaN(milliseconds)) element.textContent = time(milliseconds);
  }
}
