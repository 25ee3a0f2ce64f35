import PresenceCore
import RedisClient

/// The words a script answers with: all that its header names, and no others.
package protocol ScriptWord: RawRepresentable<String>, CaseIterable, Sendable {}

package enum LoginWord: String, ScriptWord { case accepted, stale, rejected, revoked, late, full }
package enum ReviveWord: String, ScriptWord { case renewed, gone }
package enum ResumeWord: String, ScriptWord { case resumed, ended, gone, late, revoked }
package enum DisconnectWord: String, ScriptWord { case changed, unchanged, superseded, absent }
package enum LogoutWord: String, ScriptWord { case changed, superseded, absent }
package enum KickWord: String, ScriptWord { case kicked, stale }

package enum TendWord: String, ScriptWord { case tended, lost }
package enum RearmWord: String, ScriptWord { case rearmed }
package enum SettleWord: String, ScriptWord { case settled, unswept }
package enum PutOffWord: String, ScriptWord { case done }

package enum OwnWord: String, ScriptWord { case owned, taken }
package enum LowerWord: String, ScriptWord { case more, done, lost }
package enum ReleaseWord: String, ScriptWord { case released, lost }
package enum LayoutWord: String, ScriptWord { case noted, stands }
package enum RegisterWord: String, ScriptWord { case live }
package enum AdoptWord: String, ScriptWord { case adopted, changed }
package enum PermissionsWord: String, ScriptWord { case checked }

package enum AcknowledgeWord: String, ScriptWord { case acknowledged, already, moved, lost }
package enum PassWord: String, ScriptWord { case passed, lost }
package enum TrimWord: String, ScriptWord { case trimmed }
package enum OpenWord: String, ScriptWord { case open, lost }
package enum FinishWord: String, ScriptWord { case finished, lost }
package enum MendWord: String, ScriptWord { case mended, changed }
package enum ReplayWord: String, ScriptWord { case replayed, full }
package enum DropWord: String, ScriptWord { case dropped }
package enum PageWord: String, ScriptWord { case page }

package enum LookWord: String, ScriptWord { case seen }
package enum MendUsersWord: String, ScriptWord { case mended }
package enum MendBacklogWord: String, ScriptWord { case mended, stands }

/// A script with the words it answers with.
package struct StoreScript<Word: ScriptWord>: Sendable {
    package let script: RedisScript

    /// The script, with what is planted in it.
    var called: RedisScript {
        #if DEBUG
            Plant.planted?.planted(in: script) ?? script
        #else
            script
        #endif
    }

    /// The script without the type of its words, for lists.
    var known: KnownScript { KnownScript(script: script, words: Set(Word.allCases.map(\.rawValue))) }
}

package struct KnownScript: Sendable {
    package let script: RedisScript
    package let words: Set<String>
}

/// A script with the keys and arguments of one call.
struct ScriptCall<Word: ScriptWord> {
    let script: StoreScript<Word>
    let redis: RedisScriptCall

    /// - Parameter place: a key whose master runs it, where it takes none.
    init(_ script: StoreScript<Word>, keys: [String], arguments: [String], at place: String? = nil) {
        self.script = script
        redis = RedisScriptCall(script.called, keys: keys, arguments: arguments, at: place)
    }
}
