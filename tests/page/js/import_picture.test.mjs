// What counts as a picture among the things that are dropped and pasted.
import assert from "node:assert/strict";
import test from "node:test";
import { gzipSync } from "node:zlib";
import { addressIn, pictureIn, svgText } from "../../../sketch2photo/page/js/import_picture.js";

const data = (texts, files = []) => ({ files, getData: (kind) => texts[kind] ?? "" });
const plain = (text) => pictureIn(data({ "text/plain": text }));
const svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M1 1L8 8"/></svg>';

test("SVG text is a picture in any clothing", async () => {
  for (const text of [
    svg,
    `\n  \t${svg}\n`,
    `\ufeff${svg}`,
    `<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n${svg}`,
    `\ufeff  <?xml version="1.0"?><!-- made by hand --><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd" [<!ENTITY a "b">]>${svg}`,
    '<svg:svg xmlns:svg="http://www.w3.org/2000/svg"/>',
    "<SVG viewBox='0 0 1 1'></SVG>",
    `\`\`\`svg\n${svg}\n\`\`\``,
    `<div class="icon">${svg}</div>`,
  ]) {
    const file = plain(text);
    assert.equal(file?.type, "image/svg+xml", text);
    assert.ok(await svgText(file), text);
  }
});

test("words are no picture, and neither are addresses of other kinds", () => {
  for (const text of ["", "just words", "an svg file", "a < svg > b", "see https://example.org/a.png", "javascript:alert(1)", "mailto:a@b.c", "C:\\a.png"]) {
    assert.equal(plain(text), null, text);
  }
  assert.equal(pictureIn(null), null);
});

test("addresses are found as text, as a list, and in a style sheet", () => {
  for (const address of ["https://example.org/a.png?x=1#y", "//example.org/a.png", "blob:https://a.org/1", "file:///tmp/a.png", "data:image/png;base64,AAAA", "data:image/svg+xml,%3Csvg%3E", `data:image/svg+xml;utf8,${svg}`]) {
    assert.equal(plain(` ${address}\n`), address);
    for (const dressed of [`url(${address})`, `url("${address}");`, `'${address}'`]) assert.equal(addressIn(dressed), address);
  }
  assert.equal(pictureIn(data({ "text/uri-list": "# a comment\r\nhttps://example.org/b.png\r\nhttps://example.org/c.png" })), "https://example.org/b.png");
});

test("files go before texts, pictures before other files", () => {
  const [note, picture, drawing] = [new File(["a"], "a.txt"), new File(["a"], "b", { type: "image/webp" }), new File(["a"], "C.SVG")];
  assert.equal(pictureIn(data({ "text/plain": "https://example.org/a.png" }, [note, picture])), picture);
  assert.equal(pictureIn(data({}, [note, drawing])), drawing);
  assert.equal(pictureIn(data({}, [note])), note);
});

test("an SVG file is read whatever it is called, in every encoding, compressed too", async () => {
  const utf16 = (text, swap) => {
    const bytes = Buffer.from(`\ufeff${text}`, "utf16le");
    return swap ? bytes.swap16() : bytes;
  };
  for (const content of [svg, `\ufeff${svg}`, utf16(svg, false), utf16(svg, true), gzipSync(svg)]) {
    for (const options of [{ type: "image/svg+xml" }, { type: "text/plain" }, {}]) assert.match(await svgText(new File([content], "a", options)), /<svg /);
  }
  for (const content of ["a < svg", Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, ...Buffer.from("<svg >")])]) {
    assert.equal(await svgText(new File([content], "a.svg")), "");
  }
});
