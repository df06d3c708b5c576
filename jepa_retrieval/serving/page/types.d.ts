// The answers of the server's REST interface, as docs/serving.md describes them.

export interface Term {
  text?: string;
  image_url?: string;
  clip_id?: number;
  media_id?: number;
  start?: number;
  end?: number;
  weight: number;
}

/** A term with what the page shows of it. */
export interface ShownTerm extends Term {
  label: string;
  picture?: string;
}

export interface Hit {
  id: number;
  media_id: number;
  index: string;
  path: string;
  kind: "video" | "image" | "audio";
  start: number | null;
  end: number | null;
  score: number;
  confidence: number | null;
  rank: number;
  caption: string | null;
  said?: string | null;
  written?: string | null;
  offline: boolean;
  thumbnail_url: string | null;
}

export interface SearchResponse {
  data: Hit[];
  next_cursor: string | null;
  index_version: string;
  elapsed_ms: number;
  warnings: string[];
  verdict: string | null;
  likely: number;
}

export interface MediaItem {
  id: number;
  index: string;
  path: string;
  kind: "video" | "image" | "audio";
  state: "ok" | "partial" | "failed";
  error: string | null;
  duration: number | null;
  width: number | null;
  height: number | null;
  frame_rate: number | null;
  codec: string | null;
  size: number;
  modified: string;
  clips: number;
  plays_natively: boolean;
  file_url: string;
  preview_url: string;
  thumbnail_url: string | null;
}

export interface MediaPage {
  data: MediaItem[];
  next_cursor: string | null;
}

export interface Scores {
  media_id: number;
  start: (number | null)[];
  end: (number | null)[];
  score: number[];
  background: number;
  hits: Hit[];
}

/** What was not foreseen in a video. */
export interface Surprises {
  data: { start: number; end: number; z: number }[];
  curve: [number, number | null][];
  cuts: number[];
  partial: string | null;
  warnings: string[];
}

export interface IndexItem {
  name: string;
  model: string;
  clips: number;
  files: number;
  partial: number;
  failed: number;
  left_out: number;
  videos: number;
  images: number;
  audio: number;
  media_seconds: number;
  bytes: number;
  captions: boolean;
  speech: boolean;
  writing: boolean;
  surprise: boolean;
  questions: boolean;
}

/** What a search asks for. */
export interface Query {
  text: string;
  terms: ShownTerm[];
  filter: string;
  group: "moment" | "by-file" | "file";
  confidence: number;
}

/** A new moment that fits a saved search. */
export interface Alert {
  number: number;
  search_id: string;
  search_name: string;
  time: string;
  hit: Hit | null;
  sighting: { stream: string; start: number; end: number; confidence: number; picture_url: string | null } | null;
}

/** A camera or an address that the server watches. */
export interface Stream {
  name: string;
  state: "starting" | "running" | "lost" | "ended" | "failed";
  detail: string | null;
}

/** A label or an answer. */
export interface Choice {
  name: string;
  score: number;
  probability: number;
}

export interface ChosenItem {
  media_id: number;
  clip_id: number | null;
  index: string;
  path: string;
  start: number | null;
  end: number | null;
  choices: Choice[];
  said?: string | null;
  written?: string | null;
  thumbnail_url: string;
}

export interface Chosen {
  data: ChosenItem[];
  total: number;
  candidates: string[];
  warnings: string[];
}

export interface Job {
  id: string;
  kind: "index" | "optimize";
  index: string;
  state: "waiting" | "running" | "done" | "failed" | "cancelled";
  created: string;
  ended: string | null;
  progress: { files_done?: number; files_total?: number; current?: string; elapsed?: number } | null;
  result: { indexed?: number; removed?: number; failed_count?: number; spoken?: number; read?: number } | null;
  error: string | null;
  events_url: string;
}

export interface Duplicates {
  groups: { kind: "copies" | "near" | "links"; files: { media_id: number; path: string; similarity: number }[] }[];
  scenes: {
    first_media_id: number;
    first_path: string;
    first_start: number;
    first_end: number;
    second_media_id: number;
    second_path: string;
    second_start: number;
    second_end: number;
    similarity: number;
  }[];
}
