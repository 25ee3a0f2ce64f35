import PresenceStore
import Testing

@testable import Feed

@Suite("Cursors")
struct FeedCursorTests {
    @Test("A cursor is what it was made of, and short")
    func roundTrip() throws {
        let position = FeedPosition(ms: StoredNumber.most, sequence: .max, shard: 4_095)
        let cursor = FeedCursor(position, dataID: "abcDEF012345")
        #expect(FeedCursor(cursor.description) == cursor)
        #expect(cursor.description.utf8.count <= FeedCursor.bytesMax)
        let place = UserPlace(deadline: "1764206400000", name: String(repeating: "🙂", count: 32).utf8)
        let other = UserPlace(deadline: "-1.5e+300", name: [0xff, 0, 0x25, 0x80])
        let steps: [ExportCursor.Step] = [
            .begin, .users(place, since: "5-1", lowered: "17"), .users(other, since: "5-1", lowered: ""),
            .changed(since: "0-0"),
        ]
        for step in steps {
            var export = ExportCursor(feed: cursor, shard: 4_095)
            export.step = step
            #expect(ExportCursor(export.description) == export)
            #expect(export.description.utf8.count <= ExportCursor.bytesMax)
        }
    }

    @Test(
        "What no feed gave out is none",
        arguments: [
            "", "-", "1", "1-2-3", "1-2-3-", "1-2-3-a-b", "-1-2-3-a", "01-2-3-a", "1-02-3-a", "1-2-4096-a", "1-2-3-a_b",
            "1-2-3-é", "9007199254740993-0-0-a", "1-18446744073709551616-0-a",
            "1-2-3-" + String(repeating: "a", count: 80),
        ])
    func malformed(_ text: String) {
        #expect(FeedCursor(text) == nil)
        #expect(ExportCursor("\(text)_0_b") == nil)
    }

    @Test(
        "What no export gave out is none",
        arguments: [
            "", "1-2-3-a", "1-2-3-a_0", "1-2-3-a_4096_b", "1-2-3-a_0_b_", "1-2-3-a_0_x", "1-2-3-a_0_c_x", "1-2-3-a_0_c",
            "1-2-3-a_0_u_31_6_5-0_", "1-2-3-a_0_u_6e616e_61_5-0_", "1-2-3-a_0_u_ff_61_5-0_", "1-2-3-a_0_u_31_f_5-0_",
            "1-2-3-a_0_u_31_61_5-0_x",
        ])
    func malformedExport(_ text: String) { #expect(ExportCursor(text) == nil) }

    @Test("The place of a name too long for a user is behind all that begin like it")
    func long() throws {
        func place(_ name: [UInt8]) throws -> UserPlace? {
            var export = ExportCursor(feed: FeedCursor(FeedPosition(ms: 7), dataID: "abcDEF012345"))
            export.step = .users(UserPlace(deadline: "5", name: name), since: "5-1", lowered: "17")
            #expect(export.description.utf8.count <= ExportCursor.bytesMax)
            guard case .users(let place, _, _) = try #require(ExportCursor(export.description)).step else { return nil }
            return place
        }
        let letters = [UInt8](repeating: 0x61, count: 127)
        #expect(try place(letters + [0x62, 0x63]) == UserPlace(deadline: "5", name: letters + [0x63]))
        #expect(try place(letters + [0xff, 0xff]) == UserPlace(deadline: "5", name: letters.dropLast() + [0x62]))
        let behind = try #require(try place([UInt8](repeating: 0xff, count: 300)))
        #expect(try #require(Double(behind.deadline)) > 5 && behind.name.isEmpty)
    }

    @Test("Events behind a place begin where its shard's own event stands, in later shards one earlier")
    func starts() {
        let place = FeedPosition(ms: 7, sequence: 3, shard: 5)
        #expect(place.start(in: 4) == "7-3")
        #expect(place.start(in: 5) == "7-3")
        #expect(place.start(in: 6) == "7-2")
        #expect(FeedPosition(ms: 7, sequence: 0, shard: 5).start(in: 6) == "6-18446744073709551615")
        #expect(FeedPosition(ms: 0).start(in: 6) == "0-0")
    }
}
