using System;
using System.Reflection;

// Of Unity's types those that Samples/Unity uses, as far as it does, so that the sample is compiled and runs without Unity: names and signatures are
// Unity's, and what they do here is the least that a test needs.
namespace UnityEngine
{
    [AttributeUsage(AttributeTargets.Field)]
    public sealed class SerializeField : Attribute
    {
    }

    [AttributeUsage(AttributeTargets.Field)]
    public sealed class TooltipAttribute : Attribute
    {
        public TooltipAttribute(string tooltip)
        {
        }
    }

    [AttributeUsage(AttributeTargets.Class)]
    public sealed class DefaultExecutionOrder : Attribute
    {
        public DefaultExecutionOrder(int order)
        {
        }
    }

    public struct Vector3
    {
        public float x, y, z;

        public Vector3(float x, float y, float z)
        {
            (this.x, this.y, this.z) = (x, y, z);
        }

        public float magnitude
        {
            get { return MathF.Sqrt(x * x + y * y + z * z); }
        }

        public static Vector3 operator +(Vector3 a, Vector3 b)
        {
            return new Vector3(a.x + b.x, a.y + b.y, a.z + b.z);
        }

        public static Vector3 operator -(Vector3 a, Vector3 b)
        {
            return new Vector3(a.x - b.x, a.y - b.y, a.z - b.z);
        }
    }

    public class Transform
    {
        public Vector3 localPosition { get; set; }
    }

    public static class Debug
    {
        public static void LogError(object message)
        {
            throw new InvalidOperationException(message.ToString());
        }
    }

    public class MonoBehaviour
    {
        public string name { get; set; } = "object";

        public Transform transform { get; } = new Transform();

        /// <summary>Not Unity's: what stands above it in the scene.</summary>
        public MonoBehaviour Parent { get; set; }

        public T GetComponentInParent<T>() where T : class
        {
            for (MonoBehaviour at = this; at != null; at = at.Parent)
            {
                if (at is T found) return found;
            }

            return null;
        }

        /// <summary>Not Unity's: calls what the engine would, where the component has it.</summary>
        public void Send(string message)
        {
            for (Type type = GetType(); type != null; type = type.BaseType)
            {
                MethodInfo method = type.GetMethod(message, BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly);
                if (method == null) continue;
                method.Invoke(this, null);
                return;
            }
        }
    }
}
