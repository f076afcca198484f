// What a model offers, and what becomes of a wish that it cannot fulfil.
import assert from "node:assert/strict";
import test from "node:test";
import { known, unasked, varies } from "../../../sketch2photo/page/js/categories.js";

const model = (categories, palette = {}, has_classifier = true) => ({ name: "m", categories, palette, has_classifier });

test("without a classifier somebody has to choose, and the first category is as good as another", () => {
  assert.equal(unasked(model(["shoe", "car"])), "");
  assert.equal(unasked(model(["shoe", "car"], {}, false)), "shoe");
  assert.equal(unasked(model(["shoe"], {}, false)), "");
});

test("a category of another model is let go", () => {
  assert.equal(known(model(["shoe", "car"]), "car"), "car");
  assert.equal(known(model(["shoe", "car"]), "tree"), "");
  assert.equal(known(model(["shoe", "car"]), ""), "");
  assert.equal(known(model(["shoe", "car"], {}, false), "tree"), "shoe");
});

test("a seed chooses among colours, so without them it chooses nothing", () => {
  assert.equal(varies(model(["shoe"], { shoe: ["#000000", "#ffffff"] })), true);
  assert.equal(varies(model(["shoe"], { shoe: ["#000000"] })), false);
  assert.equal(varies(model(["shoe"])), false);
});
