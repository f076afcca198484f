// Everything the page says, in English and Korean: one row for each sentence, so that none is forgotten.
//
// `canvas.html` has no words of its own; its elements name a row (`data-text`, `data-label`), and `fill` writes them.

/** What the categories of our released model are called in Korean; others keep their own name. */
const KOREAN = /** @type {Record<string, string>} */ ({
  shoe: "신발", car: "자동차", motorcycle: "오토바이", sofa: "소파", chair: "의자", teapot: "찻주전자",
  teddy_bear: "곰 인형", strawberry: "딸기", apple: "사과", banana: "바나나", pear: "서양배", pineapple: "파인애플",
  airplane: "비행기", backpack: "배낭", bed: "침대", butterfly: "나비", cake: "케이크", cat: "고양이", clock: "시계",
  donut: "도넛", eyeglasses: "안경", fish: "물고기", flower: "꽃", guitar: "기타", handbag: "핸드백", headphones: "헤드폰",
  house: "집", ice_cream: "아이스크림", lamp: "램프", mug: "머그잔", mushroom: "버섯", sailboat: "돛단배", table: "탁자",
  t_shirt: "티셔츠", tree: "나무", umbrella: "우산", vase: "꽃병", watch: "손목시계",
});

/** @param {string} category as the model spells it, such as "teddy_bear" */
const name = (category) => (category === "t_shirt" ? "T-shirt" : category.replaceAll("_", " "));

/** "an apple", and without article what has one or is several: "The Eiffel Tower", "binoculars". @param {string} category */
const withArticle = (category) => (/^the_|(?<![su])s$/i.test(category) ? name(category) : `${/^[aeiou]/i.test(category) ? "an" : "a"} ${name(category)}`);

/** @param {string} text */
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** Hues of colours, in degrees, each up to the next one's. */
const HUES = /** @type {[number, string][]} */ ([[14, "red"], [42, "orange"], [68, "yellow"], [165, "green"], [195, "turquoise"], [255, "blue"], [295, "purple"], [338, "pink"], [361, "red"]]);

/** What a colour is called, in English. @param {string} colour "#rrggbb" */
export function nameOf(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
  const [high, low] = [Math.max(red, green, blue), Math.min(red, green, blue)];
  const [light, chroma] = [(high + low) / 2, high - low];
  if (light < 0.13) return "black";
  if (chroma < 0.1) return light > 0.88 ? "white" : "grey";
  const turn = high === red ? (green - blue) / chroma : high === green ? 2 + (blue - red) / chroma : 4 + (red - green) / chroma;
  const hue = (60 * turn + 360) % 360;
  if (hue > 8 && hue < 50 && (light < 0.36 || chroma < 0.3)) return light > 0.75 ? "white" : "brown";
  const name = HUES.find(([end]) => hue < end)?.[1] ?? "red";
  return name === "red" && light > 0.68 ? "pink" : name;
}

/** What the colours of `nameOf` are called before a thing. */
const COLOURS = /** @type {Record<string, string>} */ ({
  black: "검은", white: "흰", grey: "회색", brown: "갈색", red: "빨간", orange: "주황색", yellow: "노란",
  green: "초록색", turquoise: "청록색", blue: "파란", purple: "보라색", pink: "분홍색",
});

/** @param {string} category */
const koreanName = (category) => KOREAN[category] ?? name(category);

/**
 * A Korean word with the particle that its last sound asks for.
 * @param {string} word @param {string} closed after a consonant @param {string} open after a vowel
 * @param {string} [liquid] after ㄹ, where that differs
 */
export function withParticle(word, closed, open, liquid = closed) {
  const syllable = word.charCodeAt(word.length - 1) - 0xac00;
  if (!(syllable >= 0 && syllable < 11172)) return `${word}${open}`;
  const last = syllable % 28;
  return `${word}${last === 0 ? open : last === 8 ? liquid : closed}`;
}

/** @param {string} category "신발로", "곰 인형으로" */
const asKorean = (category) => withParticle(koreanName(category), "으로", "로", "로");

/** Three of the categories, from all over the list. @param {string[]} categories */
const three = (categories) => categories.filter((_, i) => i % Math.max(1, Math.floor(categories.length / 3)) === 0).slice(0, 3);

const table = {
  // What the sheets say
  tagline: { en: "Draw an object. The photo follows your pen.", ko: "사물을 그려 보세요. 사진이 펜을 따라옵니다." },
  drawing: { en: "Your drawing", ko: "내 그림" },
  sheet: { en: "Sheet to draw on with mouse, finger or pen", ko: "마우스, 손가락, 펜으로 그리는 종이" },
  print: { en: "The photo", ko: "사진" },
  last: { en: "Go on with the last drawing", ko: "지난 그림 이어 그리기" },
  waiting: { en: "Your photo appears here", ko: "여기에 사진이 나타납니다" },
  hint: {
    en: (/** @type {string[]} */ categories) => {
      const picked = three(categories).map(withArticle);
      return picked.length ? `Draw ${picked.join(", ")}${picked.length < categories.length ? " …" : ""}` : "Draw something";
    },
    ko: (/** @type {string[]} */ categories) => {
      const picked = three(categories).map(koreanName).join(", ");
      if (!picked) return "무엇이든 그려 보세요";
      return three(categories).length < categories.length ? `${picked} … 그려 보세요` : `${withParticle(picked, "을", "를")} 그려 보세요`;
    },
  },
  knows: {
    en: (/** @type {string[]} */ categories) => (categories.length > 1 ? `It paints ${categories.slice(0, 24).map(name).join(" · ")}` : ""),
    ko: (/** @type {string[]} */ categories) => (categories.length > 1 ? `만들 수 있는 것: ${categories.slice(0, 24).map(koreanName).join(" · ")}` : ""),
  },

  // Where to start from
  examples: { en: "Drawings to start from", ko: "시작할 그림" },
  examplesHint: { en: "or start from one of these", ko: "또는 여기에서 시작하세요" },
  startWith: {
    en: (/** @type {string} */ category) => `Start with ${withArticle(category)}`,
    ko: (/** @type {string} */ category) => `${asKorean(category)} 시작하기`,
  },
  surprise: { en: "Surprise me", ko: "아무거나 그려 줘" },

  // A picture that is imported
  importPicture: { en: "Import a picture", ko: "그림 가져오기" },
  importHint: { en: "A photo of a drawing on paper, a scan, any picture. Or paste it, or drop it anywhere on the page. The server cleans it, and keeps nothing.", ko: "종이에 그린 그림의 사진, 스캔, 어떤 그림이든. 붙여넣거나 페이지 아무 데나 끌어다 놓아도 됩니다. 서버는 그림을 정리할 뿐 보관하지 않습니다." },
  chooseFile: { en: "Choose a file", ko: "파일 고르기" },
  takePhoto: { en: "Take a photo", ko: "사진 찍기" },
  shutter: { en: "Take it", ko: "찍기" },
  before: { en: "As it came", ko: "가져온 그대로" },
  after: { en: "On the sheet", ko: "종이 위에서" },
  strength: { en: "Faint lines", ko: "흐린 선" },
  clean: { en: "Clean up the paper", ko: "종이 깨끗하게" },
  turn: { en: "Turn", ko: "돌리기" },
  use: { en: "Put it on the sheet", ko: "종이에 놓기" },
  cancel: { en: "Cancel", ko: "취소" },
  notAPicture: { en: "This browser cannot open that as a picture: choose a PNG, JPEG, WebP or SVG.", ko: "이 브라우저에서 열 수 없는 그림입니다. PNG, JPEG, WebP, SVG를 가져오세요." },
  fetching: { en: "Fetching the picture …", ko: "그림을 불러오는 중 …" },
  notFetched: { en: "That address does not give its picture to this page: save the picture, then choose the file or copy the picture itself.", ko: "이 주소의 그림은 이 페이지에서 읽을 수 없습니다. 그림을 저장한 뒤 파일로 고르거나 그림 자체를 복사해 붙여넣으세요." },
  tooLarge: { en: "That file has more than 40 MB: choose a smaller one.", ko: "40MB가 넘는 파일입니다. 더 작은 것을 가져오세요." },
  cleaning: { en: "Cleaning up …", ko: "정리하는 중 …" },
  cannotClean: { en: "The server, which cleans pictures, did not answer: try again, or put it on the sheet as it came.", ko: "그림을 정리하는 서버가 응답하지 않습니다. 다시 시도하거나 가져온 그대로 놓으세요." },
  noLines: { en: "No lines were found: move the slider for faint lines, or choose another picture.", ko: "선을 찾지 못했습니다. 흐린 선 조절을 움직이거나 다른 그림을 가져오세요." },
  noCamera: { en: "The camera did not answer: allow it in the browser, or choose a file.", ko: "카메라가 응답하지 않습니다. 브라우저에서 허용하거나 파일을 고르세요." },

  // Tools
  tools: { en: "Drawing tools", ko: "그리기 도구" },
  pen: { en: "Pen", ko: "펜" },
  eraser: { en: "Eraser", ko: "지우개" },
  brush: { en: "Brush: says what is what colour", ko: "색 붓: 칠한 곳의 색을 정하기" },
  inks: { en: "Colours of the brush", ko: "붓의 색" },
  size: { en: "Line width", ko: "선 굵기" },
  undo: { en: "Undo", ko: "실행 취소" },
  redo: { en: "Redo", ko: "다시 실행" },
  clear: { en: "Clear the sheet", ko: "모두 지우기" },

  // What the model is asked for
  looks: { en: "Colour and photo", ko: "색과 사진" },
  colours: { en: "Colour", ko: "색" },
  autoColour: { en: "auto", ko: "자동" },
  autoColourLabel: { en: "Let the model choose the colour", ko: "색을 모델에 맡기기" },
  anyColour: { en: "Any colour", ko: "원하는 색" },
  dice: { en: "Another one", ko: "다른 모습으로" },
  variations: { en: "Four variations", ko: "네 가지 모습" },
  variation: {
    en: (/** @type {number} */ seed, /** @type {string | null} */ colour) => `Take this one: number ${seed}${colour ? `, ${nameOf(colour)}` : ""}`,
    ko: (/** @type {number} */ seed, /** @type {string | null} */ colour) => `이것으로 하기: ${seed}번${colour ? `, ${COLOURS[nameOf(colour)]} 것` : ""}`,
  },
  seed: { en: "Number of the variation", ko: "모습의 번호" },
  overlay: { en: "Sketch over the photo", ko: "사진 위에 스케치 겹치기" },
  model: { en: "Model", ko: "모델" },
  opening: { en: "opening the model …", ko: "모델을 여는 중 …" },
  people: { en: (/** @type {number} */ count) => `${count} people drawing`, ko: (/** @type {number} */ count) => `${count}명이 그리는 중` },
  download: { en: "Save picture", ko: "사진 저장" },
  enlarge: { en: "The photo, large", ko: "사진 크게 보기" },
  category: { en: "Category", ko: "종류" },
  auto: { en: "auto", ko: "자동" },
  ground: { en: "Ground", ko: "바탕" },
  white: { en: "white", ko: "흰색" },
  transparent: { en: "none", ko: "없음" },
  paper: { en: "paper", ko: "종이" },
  floor: { en: "floor", ko: "바닥" },
  aColour: { en: "a colour", ko: "색" },
  side: { en: "Pixels a side", ko: "한 변의 픽셀 수" },
  kind: { en: "Kind of file", ko: "파일 형식" },
  live: { en: "live", ko: "실시간" },
  liveLabel: { en: "Live: photo while you draw", ko: "실시간: 그리는 동안 사진 보기" },
  paint: { en: "Paint now", ko: "사진 만들기" },
  paintLabel: { en: "Make the photo now", ko: "지금 사진 만들기" },
  colour: {
    en: (/** @type {string} */ colour) => (colour ? `Colour: ${nameOf(colour)} (${colour})` : "No colour"),
    ko: (/** @type {string} */ colour) => (colour ? `색: ${COLOURS[nameOf(colour)]} 색 (${colour})` : "색 없음"),
  },

  // What the model says
  empty: { en: "draw a line to begin", ko: "선을 그어 시작하세요" },
  unsure: { en: "not sure yet", ko: "아직 잘 모르겠어요" },
  none: { en: "none of these", ko: "아는 것이 아니에요" },
  chosen: { en: "your choice", ko: "직접 고름" },
  spoken: { en: name, ko: koreanName },
  painted: {
    en: (/** @type {string} */ category) => `painted as ${withArticle(category)}`,
    ko: (/** @type {string} */ category) => `${asKorean(category)} 만들었어요`,
  },
  photo: {
    en: (/** @type {string | null} */ category, /** @type {string | null} */ colour = null, /** @type {number | null} */ percent = null) =>
      category ? `${withArticle(`${colour ? `${nameOf(colour)}_` : ""}${category}`)}${percent === null ? "" : `, ${percent}%`}` : "Photo made from your drawing",
    ko: (/** @type {string | null} */ category, /** @type {string | null} */ colour = null, /** @type {number | null} */ percent = null) =>
      category ? `${colour ? `${COLOURS[nameOf(colour)]} ` : ""}${koreanName(category)}${percent === null ? "" : `, ${percent}%`}` : "그림으로 만든 사진",
  },
  looksLike: { en: (/** @type {string} */ word) => `${withArticle(word)}?`, ko: (/** @type {string} */ word) => `${koreanName(word)}?` },
  notYet: { en: "I can't paint that yet", ko: "아직 만들 수 없어요" },
  other: {
    en: (/** @type {string | null} */ word) => (word ? `${capital(withArticle(word))}? I can't paint that yet.` : "This is nothing that I can paint yet."),
    ko: (/** @type {string | null} */ word) => (word ? `${koreanName(word)}인가요? 아직 만들 수 없는 것이에요.` : "아직 만들 수 없는 것이에요."),
  },
  allBars: { en: (/** @type {number} */ count) => `All ${count}`, ko: (/** @type {number} */ count) => `모두 ${count}개` },
  bars: { en: "What it looks like; choose one to paint it as that", ko: "무엇처럼 보이는지. 하나를 고르면 그것으로 만듭니다" },
  paintAs: {
    en: (/** @type {string} */ category) => `Paint it as ${withArticle(category)}`,
    ko: (/** @type {string} */ category) => `${asKorean(category)} 만들기`,
  },
  bar: {
    en: (/** @type {string} */ category, /** @type {number} */ percent, /** @type {boolean} */ chosen) =>
      `${name(category)} ${percent}%${chosen ? ", chosen" : ""}`,
    ko: (/** @type {string} */ category, /** @type {number} */ percent, /** @type {boolean} */ chosen) =>
      `${koreanName(category)} ${percent}%${chosen ? ", 선택됨" : ""}`,
  },
  device: { en: (/** @type {string} */ name) => `Painted on: ${name}`, ko: (/** @type {string} */ name) => `사진을 만드는 장치: ${name}` },
  latency: { en: (/** @type {number} */ milliseconds) => `${Math.round(milliseconds)} ms`, ko: (/** @type {number} */ milliseconds) => `${Math.round(milliseconds)}ms` },

  // What hinders
  busy: { en: "many people are drawing right now: retrying", ko: "지금 그리는 사람이 많아요. 다시 시도하는 중입니다" },
  signIn: { en: "Sign in again: reload this page. Your drawing stays.", ko: "다시 로그인하세요. 페이지를 새로 고치면 되고, 그림은 남아 있습니다." },
  refused: {
    en: (/** @type {number} */ status) => `The server answers with error ${status}, retrying${status === 404 ? ". Behind a proxy under a path, it has to be told the path" : ""}.`,
    ko: (/** @type {number} */ status) => `서버가 오류 ${status}(으)로 답했어요. 다시 시도하는 중입니다${status === 404 ? ". 프록시의 하위 경로라면 서버에 그 경로를 알려 주어야 합니다" : ""}.`,
  },
  offline: { en: "offline, retrying", ko: "연결이 끊겼어요. 다시 시도하는 중입니다" },

  // Keeping and sharing
  keep: { en: "Keep this pair", ko: "이 그림과 사진 간직하기" },
  gallery: { en: "Gallery", ko: "보관함" },
  galleryLabel: { en: "What you kept, in this browser only", ko: "간직한 것. 이 브라우저에만 있습니다" },
  nothingKept: { en: "Nothing kept yet. The bookmark beside the photo keeps drawing and photo, in this browser only.", ko: "아직 간직한 것이 없습니다. 사진 옆의 책갈피를 누르면 그림과 사진이 이 브라우저에만 간직됩니다." },
  cannotKeep: { en: "This browser keeps nothing (a private window, or no room left): save files instead.", ko: "이 브라우저에는 간직할 수 없습니다(시크릿 창이거나 공간이 부족합니다). 파일로 저장하세요." },
  openKept: {
    en: (/** @type {string} */ title) => `Go on drawing: ${title || "this drawing"}`,
    ko: (/** @type {string} */ title) => `이어서 그리기: ${title || "이 그림"}`,
  },
  removeKept: { en: (/** @type {string} */ title) => `Remove: ${title || "this drawing"}`, ko: (/** @type {string} */ title) => `삭제: ${title || "이 그림"}` },
  removed: { en: "Removed.", ko: "삭제했습니다." },
  save: { en: "Save and share", ko: "저장하고 나누기" },
  savePhoto: { en: "Save picture", ko: "사진 저장" },
  saveSketch: { en: "Save drawing", ko: "그림 저장" },
  saveSvg: { en: "Drawing as lines", ko: "그림을 선으로" },
  saveCard: { en: "Both side by side", ko: "둘을 나란히" },
  saveReplay: { en: "Replay", ko: "그리는 과정" },
  copyPhoto: { en: "Copy picture", ko: "사진 복사" },
  copyLink: { en: "Copy link", ko: "링크 복사" },
  send: { en: "Send …", ko: "보내기 …" },
  saved: { en: (/** @type {string} */ file) => `Saved as ${file}.`, ko: (/** @type {string} */ file) => `${file} 파일로 저장했습니다.` },
  replaying: { en: (/** @type {number} */ percent) => `Making the replay: ${percent}%`, ko: (/** @type {number} */ percent) => `그리는 과정을 만드는 중: ${percent}%` },
  unreadable: { en: "This browser does not let pages read what is drawn on them (protection against tracking): allow it for this page, or use another browser.", ko: "이 브라우저는 페이지가 그림을 읽지 못하게 막습니다(추적 방지). 이 페이지에는 허용하거나 다른 브라우저를 쓰세요." },
  cannotSave: { en: "That did not work in this browser.", ko: "이 브라우저에서는 되지 않았습니다." },
  copied: { en: "The photo is in the clipboard.", ko: "사진을 복사했습니다." },
  cannotCopy: { en: "This browser copies pictures over https or on this machine only: save the photo instead.", ko: "이 브라우저는 https나 이 기기에서만 사진을 복사합니다. 파일로 저장하세요." },
  copiedLink: { en: "The link is in the clipboard. The drawing is in the link itself; the server stores nothing.", ko: "링크를 복사했습니다. 그림은 링크 안에 들어 있고 서버에는 남지 않습니다." },
  copiedWithout: { en: "The link is in the clipboard, with what you drew; the picture that you imported does not fit into a link.", ko: "링크를 복사했습니다. 직접 그린 선만 들어 있고, 가져온 그림은 링크에 들어가지 않습니다." },
  copiedLong: {
    en: (/** @type {number} */ letters) => `The link is in the clipboard. It has ${letters} letters; some programs cut such a link off.`,
    ko: (/** @type {number} */ letters) => `링크를 복사했습니다. ${letters}자라서 끝을 자르는 프로그램도 있습니다.`,
  },
  brokenLink: { en: "The drawing in this link cannot be read: the link may have been cut off.", ko: "이 링크의 그림을 읽을 수 없습니다. 링크가 잘렸을 수 있습니다." },

  // Shortcuts and the rest
  api: { en: "API", ko: "API" },
  invite: { en: "Invite", ko: "초대" },
  inviteLabel: { en: "Invite others to this page", ko: "이 페이지로 초대하기" },
  inviteTold: {
    en: "Whoever opens this link can draw here too. Nobody sees what others draw.",
    ko: "이 링크를 여는 사람은 누구나 여기서 그릴 수 있어요. 서로의 그림은 보이지 않습니다.",
  },
  apiLabel: { en: "Use it from a program", ko: "프로그램에서 쓰기" },
  help: { en: "Keyboard shortcuts", ko: "키보드 단축키" },
  close: { en: "Close", ko: "닫기" },
  thinnerThicker: { en: "Thinner, thicker", ko: "가늘게, 굵게" },
  liveKey: { en: "Live on or off", ko: "실시간 켜기, 끄기" },
  autoKey: { en: "Category back to auto", ko: "종류를 자동으로" },
};

/**
 * @typedef {"en" | "ko"} Language
 * @typedef {{[Row in keyof typeof table]: (typeof table)[Row]["en"]}} Words
 */

/** The first language of the browser's list that the page speaks. @param {readonly string[]} wanted such as ["ko-KR", "en"] @returns {Language} */
export function choose(wanted) {
  for (const tag of wanted) {
    const language = tag.toLowerCase().split("-")[0];
    if (language === "en" || language === "ko") return language;
  }
  return "en";
}

/** One column of the table. @param {Language} language @returns {Words} */
export const inLanguage = (language) =>
  /** @type {any} */ (Object.fromEntries(Object.entries(table).map(([row, texts]) => [row, texts[language]])));

export const language = choose(globalThis.navigator?.languages ?? []);

/** What this browser's page says. */
export const words = inLanguage(language);

/**
 * Write the words that the elements of `canvas.html` ask for: `data-text` names the row that stands in an element,
 * `data-label` its name for screen readers and its tooltip, `data-key` a shortcut to name in the tooltip.
 * @param {HTMLElement} root
 */
export function fill(root) {
  root.lang = language;
  /** @param {string | undefined} row */
  const text = (row) => /** @type {Record<string, any>} */ (words)[row ?? ""];
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-text], [data-label]"))) {
    const { text: inside, label, key } = element.dataset;
    if (inside) element.textContent = text(inside);
    if (!label) continue;
    // A button named other than what is written on it would confuse those who speak to their computer.
    const written = inside || element.querySelector("[data-text]");
    if (!(written && element.matches("button"))) element.setAttribute("aria-label", text(label));
    // A picture or a group needs no tooltip; what can be pressed does.
    if (element.matches("button, input")) element.title = key ? `${text(label)} (${key})` : text(label);
  }
}
