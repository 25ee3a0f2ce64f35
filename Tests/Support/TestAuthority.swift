import Crypto
import Foundation
import SwiftASN1
import X509

/// A private CA of a test.
package struct TestAuthority: Sendable {
    private let key = P256.Signing.PrivateKey()
    private let name: DistinguishedName
    private let certificate: Certificate

    /// PEM of its certificate, for who is to trust it.
    package let pem: String

    package init() throws {
        name = try DistinguishedName { CommonName("presence test CA \(UUID().uuidString.prefix(8))") }
        certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey),
            notValidBefore: .now - TestAuthority.yearS, notValidAfter: .now + TestAuthority.yearS,
            issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                Critical(KeyUsage(keyCertSign: true))
            }, issuerPrivateKey: .init(key))
        pem = try certificate.serializeAsPEM().pemString
    }

    /// Signs a certificate, good for servers and clients.
    /// - Parameters:
    ///   - names: the host names it is for, such as `localhost`.
    ///   - addresses: the IPv4 addresses it is for.
    ///   - expiry: the end of its validity, which begins a year ago.
    package func certificate(
        names: [String] = ["localhost"], addresses: [String] = ["127.0.0.1"], expiry: Date = .now + yearS
    ) throws -> TestCertificate {
        let key = P256.Signing.PrivateKey()
        let alternatives =
            names.map(GeneralName.dnsName)
            + addresses.map { address in
                .ipAddress(ASN1OctetString(contentBytes: address.split(separator: ".").compactMap { UInt8($0) }[...]))
            }
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey),
            notValidBefore: .now - TestAuthority.yearS, notValidAfter: expiry,
            issuer: name, subject: try DistinguishedName { CommonName(names.first ?? "presence test") },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                SubjectAlternativeNames(alternatives)
            }, issuerPrivateKey: .init(self.key))
        return TestCertificate(
            key: key.pemRepresentation, certificate: try certificate.serializeAsPEM().pemString, authority: pem)
    }

    package static let yearS: TimeInterval = 365 * 86_400
}
