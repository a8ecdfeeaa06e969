// A descriptor set for tests, without the files of google.api that only annotate. Made of:
//
// syntax = "proto3";
// package shop;
// import "google/api/annotations.proto";
// import "google/api/httpbody.proto";
// enum Size { SMALL = 0; LARGE = 2; }
// message Author { string name = 1; int32 born = 2; }
// message Book {
//   string id = 1; string title = 2; int64 pages = 3; bool sold = 4; Size size = 5; Author author = 6; repeated string tags = 7;
//   bytes cover = 8; double price = 9; map<string, int32> stock = 10; string shelf_name = 11;
// }
// message GetBook { string name = 1; int32 page = 2; repeated string tags = 3; Size size = 4; bool full = 5; Author author = 6; }
// message Books { repeated Book books = 1; }
// message Upload { string name = 1; google.api.HttpBody body = 2; }
// message Empty {}
// message Cover { string name = 1; google.api.HttpBody image = 2; }
// service Shop {
//   rpc Get(GetBook) returns (Book) {
//     option (google.api.http) = { get: "/books/{name}" additional_bindings { get: "/v2/{name=shelves/*/books/*}" } additional_bindings { get: "/all/{name=**}:read" } };
//   }
//   rpc Put(Book) returns (Book) { option (google.api.http) = { put: "/books/{id}" body: "*" }; }
//   rpc PutAuthor(Book) returns (Book) { option (google.api.http) = { patch: "/authors/{author.name}" body: "author" }; }
//   rpc List(GetBook) returns (stream Book) { option (google.api.http) = { get: "/list" }; }
//   rpc Collect(stream Book) returns (Books) { option (google.api.http) = { post: "/collect" body: "*" }; }
//   rpc Chat(stream Book) returns (stream Book) { option (google.api.http) = { post: "/chat" body: "*" }; }
//   rpc Page(GetBook) returns (google.api.HttpBody) { option (google.api.http) = { get: "/page/{name}" }; }
//   rpc Store(Upload) returns (Empty) { option (google.api.http) = { post: "/store/{name}" body: "body" }; }
//   rpc Drop(GetBook) returns (Empty) { option (google.api.http) = { custom { kind: "DROP" path: "/drop/{name}" } }; }
//   rpc Picture(GetBook) returns (Cover) { option (google.api.http) = { get: "/picture/{name}" response_body: "image" }; }
//   rpc Bare(GetBook) returns (Book) {}
//   rpc Pages(GetBook) returns (stream google.api.HttpBody) { option (google.api.http) = { get: "/pages" }; }
//   rpc Delete(GetBook) returns (Empty) { option (google.api.http) = { delete: "/books/{name}" }; }
// }

export const SHOP_DESCRIPTOR: string = [
  'CuQBChlnb29nbGUvcHJvdG9idWYvYW55LnByb3RvEg9nb29nbGUucHJvdG9idWYiNgoDQW55EhkKCHR5cGVfdXJsGAEgASgJUgd0eXBlVXJsEhQKBXZhbHVl',
  'GAIgASgMUgV2YWx1ZUJ2ChNjb20uZ29vZ2xlLnByb3RvYnVmQghBbnlQcm90b1ABWixnb29nbGUuZ29sYW5nLm9yZy9wcm90b2J1Zi90eXBlcy9rbm93bi9h',
  'bnlwYqICA0dQQqoCHkdvb2dsZS5Qcm90b2J1Zi5XZWxsS25vd25UeXBlc2IGcHJvdG8zCq0CChlnb29nbGUvYXBpL2h0dHBib2R5LnByb3RvEgpnb29nbGUu',
  'YXBpGhlnb29nbGUvcHJvdG9idWYvYW55LnByb3RvIncKCEh0dHBCb2R5EiEKDGNvbnRlbnRfdHlwZRgBIAEoCVILY29udGVudFR5cGUSEgoEZGF0YRgCIAEo',
  'DFIEZGF0YRI0CgpleHRlbnNpb25zGAMgAygLMhQuZ29vZ2xlLnByb3RvYnVmLkFueVIKZXh0ZW5zaW9uc0JoCg5jb20uZ29vZ2xlLmFwaUINSHR0cEJvZHlQ',
  'cm90b1ABWjtnb29nbGUuZ29sYW5nLm9yZy9nZW5wcm90by9nb29nbGVhcGlzL2FwaS9odHRwYm9keTtodHRwYm9kefgBAaICBEdBUEliBnByb3RvMwqiDQoK',
  'c2hvcC5wcm90bxIEc2hvcBoZZ29vZ2xlL2FwaS9odHRwYm9keS5wcm90byIwCgZBdXRob3ISEgoEbmFtZRgBIAEoCVIEbmFtZRISCgRib3JuGAIgASgFUgRi',
  'b3JuIuICCgRCb29rEg4KAmlkGAEgASgJUgJpZBIUCgV0aXRsZRgCIAEoCVIFdGl0bGUSFAoFcGFnZXMYAyABKANSBXBhZ2VzEhIKBHNvbGQYBCABKAhSBHNv',
  'bGQSHgoEc2l6ZRgFIAEoDjIKLnNob3AuU2l6ZVIEc2l6ZRIkCgZhdXRob3IYBiABKAsyDC5zaG9wLkF1dGhvclIGYXV0aG9yEhIKBHRhZ3MYByADKAlSBHRh',
  'Z3MSFAoFY292ZXIYCCABKAxSBWNvdmVyEhQKBXByaWNlGAkgASgBUgVwcmljZRIrCgVzdG9jaxgKIAMoCzIVLnNob3AuQm9vay5TdG9ja0VudHJ5UgVzdG9j',
  'axIdCgpzaGVsZl9uYW1lGAsgASgJUglzaGVsZk5hbWUaOAoKU3RvY2tFbnRyeRIQCgNrZXkYASABKAlSA2tleRIUCgV2YWx1ZRgCIAEoBVIFdmFsdWU6AjgB',
  'Ip8BCgdHZXRCb29rEhIKBG5hbWUYASABKAlSBG5hbWUSEgoEcGFnZRgCIAEoBVIEcGFnZRISCgR0YWdzGAMgAygJUgR0YWdzEh4KBHNpemUYBCABKA4yCi5z',
  'aG9wLlNpemVSBHNpemUSEgoEZnVsbBgFIAEoCFIEZnVsbBIkCgZhdXRob3IYBiABKAsyDC5zaG9wLkF1dGhvclIGYXV0aG9yIikKBUJvb2tzEiAKBWJvb2tz',
  'GAEgAygLMgouc2hvcC5Cb29rUgVib29rcyJGCgZVcGxvYWQSEgoEbmFtZRgBIAEoCVIEbmFtZRIoCgRib2R5GAIgASgLMhQuZ29vZ2xlLmFwaS5IdHRwQm9k',
  'eVIEYm9keSIHCgVFbXB0eSJHCgVDb3ZlchISCgRuYW1lGAEgASgJUgRuYW1lEioKBWltYWdlGAIgASgLMhQuZ29vZ2xlLmFwaS5IdHRwQm9keVIFaW1hZ2Uq',
  'HAoEU2l6ZRIJCgVTTUFMTBAAEgkKBUxBUkdFEAIyzgYKBFNob3ASbgoDR2V0Eg0uc2hvcC5HZXRCb29rGgouc2hvcC5Cb29rIkyC0+STAkZaHhIcL3YyL3tu',
  'YW1lPXNoZWx2ZXMvKi9ib29rcy8qfVoVEhMvYWxsL3tuYW1lPSoqfTpyZWFkEg0vYm9va3Mve25hbWV9EjUKA1B1dBIKLnNob3AuQm9vaxoKLnNob3AuQm9v',
  'ayIWgtPkkwIQOgEqGgsvYm9va3Mve2lkfRJLCglQdXRBdXRob3ISCi5zaG9wLkJvb2saCi5zaG9wLkJvb2siJoLT5JMCIDoGYXV0aG9yMhYvYXV0aG9ycy97',
  'YXV0aG9yLm5hbWV9EjIKBExpc3QSDS5zaG9wLkdldEJvb2saCi5zaG9wLkJvb2siDYLT5JMCBxIFL2xpc3QwARI5CgdDb2xsZWN0Egouc2hvcC5Cb29rGgsu',
  'c2hvcC5Cb29rcyITgtPkkwINOgEqIggvY29sbGVjdCgBEjQKBENoYXQSCi5zaG9wLkJvb2saCi5zaG9wLkJvb2siEILT5JMCCjoBKiIFL2NoYXQoATABEkEK',
  'BFBhZ2USDS5zaG9wLkdldEJvb2saFC5nb29nbGUuYXBpLkh0dHBCb2R5IhSC0+STAg4SDC9wYWdlL3tuYW1lfRI/CgVTdG9yZRIMLnNob3AuVXBsb2FkGgsu',
  'c2hvcC5FbXB0eSIbgtPkkwIVOgRib2R5Ig0vc3RvcmUve25hbWV9EkAKBERyb3ASDS5zaG9wLkdldEJvb2saCy5zaG9wLkVtcHR5IhyC0+STAhZCFAoERFJP',
  'UBIML2Ryb3Ave25hbWV9EkUKB1BpY3R1cmUSDS5zaG9wLkdldEJvb2saCy5zaG9wLkNvdmVyIh6C0+STAhhiBWltYWdlEg8vcGljdHVyZS97bmFtZX0SIwoE',
  'QmFyZRINLnNob3AuR2V0Qm9vaxoKLnNob3AuQm9vayIAEj4KBVBhZ2VzEg0uc2hvcC5HZXRCb29rGhQuZ29vZ2xlLmFwaS5IdHRwQm9keSIOgtPkkwIIEgYv',
  'cGFnZXMwARI7CgZEZWxldGUSDS5zaG9wLkdldEJvb2saCy5zaG9wLkVtcHR5IhWC0+STAg8qDS9ib29rcy97bmFtZX1iBnByb3RvMw==',
].join('');
