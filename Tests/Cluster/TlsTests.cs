using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using NeuralPlugin.Orleans;
using NUnit.Framework;
using Orleans.Configuration;

namespace NeuralPlugin.Cluster.Tests;

/// <summary>Silos and clients that show each other certificates, as Documentation~/cluster.md says: who has none of the right authority is no part of the cluster.</summary>
[TestFixture]
internal sealed class TlsTests
{
    [Test]
    public async Task OnlyCertificatesOfTheAuthorityConnect()
    {
        using X509Certificate2 authority = Authority("brains"), other = Authority("others");
        using X509Certificate2 ofSilos = Issue(authority, "brains.example"), ofGame = Issue(authority, "game"), ofStranger = Issue(other, "game");
        (int siloPort, int gatewayPort, int secondPort, int secondGateway) = (FreePort.Next(), FreePort.Next(), FreePort.Next(), FreePort.Next());
        using IHost first = Silo(siloPort, gatewayPort, null, ofSilos, authority);
        await first.StartAsync();
        using IHost second = Silo(secondPort, secondGateway, new IPEndPoint(IPAddress.Loopback, siloPort), ofSilos, authority);
        await second.StartAsync();   // fails where silos do not reach each other

        using IHost game = Client(gatewayPort, client => Deployment.Secure(client, ofGame, authority));
        await game.StartAsync().WaitAsync(TimeSpan.FromSeconds(30));
        byte[] offered = TestBrains.Brain().ToBytes();
        for (int i = 0; i < 8; i++)   // some of them on the other silo
            Assert.That((await game.Services.GetRequiredService<IClusterClient>().GetGrain<IBrainGrain>($"walkers-{i}").Offer(offered)).Version, Is.EqualTo(1));

        (string Who, Action<IClientBuilder> Secure)[] refused =
        [
            ("without TLS", _ => { }),
            ("without a certificate", client => client.UseTls(tls =>
            {
                tls.RemoteCertificateValidation = (remote, _, errors) => Deployment.IsTrusted(remote, errors, authority);
                tls.OnAuthenticateAsClient = (_, ssl) => ssl.TargetHost = "brains.example";
            })),
            ("with a certificate of another authority", client => Deployment.Secure(client, ofStranger, authority)),
            ("that trusts another authority", client => Deployment.Secure(client, ofGame, other)),
            ("that looks for another host", client => client.UseTls(ofGame, tls =>
            {
                tls.RemoteCertificateValidation = (remote, _, errors) => Deployment.IsTrusted(remote, errors, authority);
                tls.OnAuthenticateAsClient = (_, ssl) => ssl.TargetHost = "elsewhere.example";
            })),
        ];
        bool[] connected = await Task.WhenAll(refused.Select(async stranger =>
        {
            using IHost host = Client(gatewayPort, stranger.Secure);
            try
            {
                await host.StartAsync().WaitAsync(TimeSpan.FromSeconds(6));
                return true;
            }
            catch (Exception)
            {
                return false;
            }
        }));
        Assert.That(refused.Where((_, i) => connected[i]).Select(stranger => stranger.Who), Is.Empty);

        await game.StopAsync();
        await second.StopAsync();
        await first.StopAsync();
    }

    private static IHost Silo(int siloPort, int gatewayPort, IPEndPoint? primary, X509Certificate2 certificate, X509Certificate2 authority) => Quiet().UseOrleans(silo =>
    {
        silo.UseLocalhostClustering(siloPort, gatewayPort, primary).AddBrains();
        Deployment.Secure(silo, certificate, authority);
    }).Build();

    private static IHost Client(int gatewayPort, Action<IClientBuilder> secure) => Quiet().UseOrleansClient(client =>
    {
        client.UseLocalhostClustering(gatewayPort);
        client.Configure<ConnectionOptions>(options => options.OpenConnectionTimeout = TimeSpan.FromSeconds(2));
        client.Configure<ClientMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromSeconds(10));
        secure(client);
    }).Build();

    private static IHostBuilder Quiet() => Host.CreateDefaultBuilder().ConfigureLogging(log => log.ClearProviders());

    private static X509Certificate2 Authority(string name)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    /// <summary>A certificate for both ends of a connection.</summary>
    private static X509Certificate2 Issue(X509Certificate2 authority, string host)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new($"CN={host}", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName(host);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], critical: false));
        using X509Certificate2 issued = request.Create(authority, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(12), RandomNumberGenerator.GetBytes(8));
        using X509Certificate2 whole = issued.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(whole.Export(X509ContentType.Pkcs12), null);   // a key of its own, which outlives this one
    }
}
