//! What the simulator's server shows to clients that speak TLS: a certificate
//! made on the spot for this machine's loopback names, or a given one.

use std::{fmt, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

/// A certificate with its key, ready to serve.
#[derive(Clone)]
pub struct ServerTls {
    pub(super) config: Arc<ServerConfig>,
    trusted_pem: String,
}

/// Why a certificate cannot be served.
#[derive(Debug)]
pub struct CertificateError(String);

impl ServerTls {
    /// A new certificate for `localhost`, 127.0.0.1 and ::1, signed by an
    /// authority that is new too and whose key is forgotten at once: a client
    /// that is given [`Self::trusted_pem`] (`SSL_CERT_FILE`,
    /// `NODE_EXTRA_CA_CERTS`) accepts it.
    ///
    /// # Errors
    /// Where no key can be made.
    pub fn self_signed() -> Result<Self, CertificateError> {
        let (chain, key, authority) = make()
            .map_err(|error| CertificateError(format!("cannot make a certificate: {error}")))?;
        Ok(Self { trusted_pem: authority, ..Self::from_pem(&chain, &key)? })
    }

    /// A given certificate (with what chains it, own first) and its key.
    ///
    /// # Errors
    /// Where either is not PEM of the kind expected, or they do not match.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, CertificateError> {
        let chain = CertificateDer::pem_slice_iter(certificate.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| CertificateError(format!("certificate: expected PEM: {error}")))?;
        if chain.is_empty() {
            let what = "certificate: expected at least one BEGIN CERTIFICATE section";
            return Err(CertificateError(what.to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|error| CertificateError(format!("key: expected PEM: {error}")))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| CertificateError(format!("certificate and key: {error}")))?;
        Ok(Self { config: Arc::new(config), trusted_pem: certificate.to_owned() })
    }

    /// What a client has to trust, as PEM: the authority that was made, or the
    /// certificate that was given.
    pub fn trusted_pem(&self) -> &str {
        &self.trusted_pem
    }
}

/// A certificate, its key and its authority, as PEM. Authority and certificate
/// are two: rustls refuses a server that shows an authority's certificate.
fn make() -> Result<(String, String, String), rcgen::Error> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.distinguished_name.push(DnType::CommonName, "chinwag simulator's authority");
    let authority_key = KeyPair::generate()?;
    let authority_pem = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);

    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut server = CertificateParams::new(names)?;
    server.distinguished_name.push(DnType::CommonName, "chinwag simulator");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate_pem = server.signed_by(&key, &issuer)?.pem();
    Ok((certificate_pem, key.serialize_pem(), authority_pem))
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls")
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CertificateError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_names_an_authority_and_can_be_given_too() {
        let (certificate, key, authority) = make().unwrap();
        assert_ne!(certificate, authority);
        let given = ServerTls::from_pem(&certificate, &key).unwrap();
        assert_eq!(given.trusted_pem(), certificate);
        let made = ServerTls::self_signed().unwrap();
        assert!(made.trusted_pem().starts_with("-----BEGIN CERTIFICATE-----"));
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let (certificate, ..) = make().unwrap();
        let (_, key, _) = make().unwrap();
        let error = ServerTls::from_pem(&certificate, &key).unwrap_err();
        assert!(error.to_string().starts_with("certificate and key: "), "{error}");
    }

    #[test]
    fn what_is_no_pem_is_named() {
        let says = |certificate: &str, key: &str| {
            ServerTls::from_pem(certificate, key).unwrap_err().to_string()
        };
        let (certificate, ..) = make().unwrap();
        assert!(says("", "").contains("BEGIN CERTIFICATE"));
        assert!(says(&certificate, "x").starts_with("key: expected PEM"));
    }
}
