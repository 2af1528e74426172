// What is skipped of the transcripts: the file, a part of the block's title, which of its lines (all, if it
// is not said), and why a program that reads messages with JSON.parse cannot pass them.

const ID_TEXTS = "JSON.parse keeps the value of a number, and not its text";
const TWICE = "JSON.parse takes the last of two members with one name";
const COUNTED = "this runtime does not count the responses that it ignores";
const FRAMES = "the engine's WebSocket answers close frames, and bounds messages";

export const skipped = [
  [
    "credit",
    "Each entry of a batch counts",
    undefined,
    "the texts of a batch's entries are not seen, so it counts more",
  ],
  [
    "failures",
    "A batch's replies are over the limit together",
    undefined,
    "they are sent one by one instead",
  ],
  [
    "ids",
    "Numbers: also negative ones",
    /"id":(-0|\d\.\d*0|1\.0|0\.0|1[eE]|-1\.5e|9007199254740993|-9007199254740993|\d{19})/,
    ID_TEXTS,
  ],
  ["ids", "The ids of error replies", /"id":(-0|1\.0|\d{19})/, ID_TEXTS],
  ["ids", "The ids of a batch", undefined, ID_TEXTS],
  ["ids", "Ids are the same if their bytes are", undefined, ID_TEXTS],
  ["invalid_requests", "A member that occurs twice", undefined, TWICE],
  ["invalid_requests", "A surrogate without its other half", undefined, "JSON.parse takes lone surrogates"],
  ["numbers_and_depth", "Numbers pass through", undefined, ID_TEXTS],
  ["numbers_and_depth", "The ends of i64", undefined, "numbers of 64 bits are not exact"],
  ["numbers_and_depth", "over a sum that does not fit", undefined, "numbers of 64 bits are not exact"],
  ["numbers_and_depth", "An id with a hundred thousand digits", undefined, ID_TEXTS],
  ["numbers_and_depth", "A handler that builds a tree", undefined, "JSON.parse bounds no depth"],
  ["params", "A name that occurs twice", undefined, TWICE],
  ["progress", "Only `true` asks", /"progress":true,"progress"/, TWICE],
  ["responses", "counted, not answered", /"unmatched"/, COUNTED],
  ["responses", "A second response", /"unmatched"/, COUNTED],
  ["responses", "Our ids are integers", /1\.0|1e0/, ID_TEXTS],
  ["streams", "A method with a stream needs `stream`", /"stream":\[1,1\],"stream"/, TWICE],
  ["websocket", "The peer's close", undefined, FRAMES],
  ["websocket", "An application's code", undefined, FRAMES],
  ["websocket", "A close while a call is served", undefined, FRAMES],
  ["websocket", "A text message that is not UTF-8", undefined, FRAMES],
  ["websocket", "A message over the limit", undefined, FRAMES],
];
