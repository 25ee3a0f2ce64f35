import Foundation
import UserSig

/// The app whose backends and clients show usersigs.
package struct CompatibleApp: Sendable {
    package var key: UserSigKey
    /// The identifiers that may call the compatible API, compared byte by byte.
    package var admins: [String]

    package init(key: UserSigKey, admins: [String]) {
        self.key = key
        self.admins = admins
    }

    /// What a usersig says that counts for this identifier at this moment, by the worker's clock.
    func verify(_ userSig: String, of identifier: String) throws(UserSigError) -> UserSig {
        try key.verify(userSig, of: identifier, at: Int(Date().timeIntervalSince1970))
    }
}
