"""Scripts as they were written for TensorFlow 1, in the manner of five well-known tutorials.

Each prints its test accuracy, `accuracy 0.9123`, in its last line. `STEPS` is the number of steps.
"""

# The official tutorial "MNIST for ML Beginners": softmax regression, about 92 %.
BEGINNERS = """
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("MNIST_data/", one_hot=True)

x = tf.placeholder(tf.float32, [None, 784])
W = tf.Variable(tf.zeros([784, 10]))
b = tf.Variable(tf.zeros([10]))
y = tf.nn.softmax(tf.matmul(x, W) + b)
y_ = tf.placeholder(tf.float32, [None, 10])

cross_entropy = tf.reduce_mean(-tf.reduce_sum(y_ * tf.log(y), reduction_indices=[1]))
train_step = tf.train.GradientDescentOptimizer(0.5).minimize(cross_entropy)

sess = tf.InteractiveSession()
tf.initialize_all_variables().run()
for _ in range(STEPS):
    batch_xs, batch_ys = mnist.train.next_batch(100)
    sess.run(train_step, feed_dict={x: batch_xs, y_: batch_ys})

correct_prediction = tf.equal(tf.argmax(y, 1), tf.argmax(y_, 1))
accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))
print("accuracy", accuracy.eval(feed_dict={x: mnist.test.images, y_: mnist.test.labels}))
"""

# The official tutorial "Deep MNIST for Experts": two convolutions, dropout; about 99.2 % after
# 20,000 steps.
EXPERTS = """
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("MNIST_data/", one_hot=True)
sess = tf.InteractiveSession()


def weights(shape):
    return tf.Variable(tf.truncated_normal(shape, stddev=0.1))


def biases(shape):
    return tf.Variable(tf.constant(0.1, shape=shape))


def convolution(layer, size, channels, filters):
    products = tf.nn.conv2d(layer, weights([size, size, channels, filters]), strides=[1, 1, 1, 1],
                            padding="SAME")
    activated = tf.nn.relu(products + biases([filters]))
    return tf.nn.max_pool(activated, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")


x = tf.placeholder(tf.float32, shape=[None, 784])
y_ = tf.placeholder(tf.float32, shape=[None, 10])
keep_prob = tf.placeholder(tf.float32)
pooled = convolution(tf.reshape(x, [-1, 28, 28, 1]), 5, 1, 32)
pooled = convolution(pooled, 5, 32, 64)
flat = tf.reshape(pooled, [-1, 7 * 7 * 64])
hidden = tf.nn.relu(tf.matmul(flat, weights([7 * 7 * 64, 1024])) + biases([1024]))
y_conv = tf.matmul(tf.nn.dropout(hidden, keep_prob), weights([1024, 10])) + biases([10])

cross_entropy = tf.reduce_mean(
    tf.nn.softmax_cross_entropy_with_logits(labels=y_, logits=y_conv))
train_step = tf.train.AdamOptimizer(1e-4).minimize(cross_entropy)
correct_prediction = tf.equal(tf.argmax(y_conv, 1), tf.argmax(y_, 1))
accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))

sess.run(tf.global_variables_initializer())
for i in range(STEPS):
    batch = mnist.train.next_batch(50)
    if i % 1000 == 0:
        train_accuracy = accuracy.eval(feed_dict={x: batch[0], y_: batch[1], keep_prob: 1.0})
        print("step %d, training accuracy %g" % (i, train_accuracy))
    train_step.run(feed_dict={x: batch[0], y_: batch[1], keep_prob: 0.5})

parts = []
for _ in range(20):
    images, labels = mnist.test.next_batch(500, shuffle=False)
    parts.append(accuracy.eval(feed_dict={x: images, y_: labels, keep_prob: 1.0}))
print("accuracy", sum(parts) / len(parts))
"""

# Görner's five layers with ReLU and a falling learning rate: about 98 % after 10,000 steps.
FIVE_LAYERS = """
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data as mnist_data
import math

tf.set_random_seed(0)
mnist = mnist_data.read_data_sets("data", one_hot=True, reshape=False, validation_size=0)

X = tf.placeholder(tf.float32, [None, 28, 28, 1])
Y_ = tf.placeholder(tf.float32, [None, 10])
lr = tf.placeholder(tf.float32)

Y = tf.reshape(X, [-1, 784])
sizes = [784, 200, 100, 60, 30, 10]
for k in range(5):
    W = tf.Variable(tf.truncated_normal([sizes[k], sizes[k + 1]], stddev=0.1))
    B = tf.Variable(tf.ones([sizes[k + 1]]) / 10)
    Ylogits = tf.matmul(Y, W) + B
    Y = tf.nn.relu(Ylogits)
Y = tf.nn.softmax(Ylogits)

cross_entropy = tf.nn.softmax_cross_entropy_with_logits(logits=Ylogits, labels=Y_)
cross_entropy = tf.reduce_mean(cross_entropy) * 100
is_correct = tf.equal(tf.argmax(Y, 1), tf.argmax(Y_, 1))
accuracy = tf.reduce_mean(tf.cast(is_correct, tf.float32))
train_step = tf.train.AdamOptimizer(lr).minimize(cross_entropy)

sess = tf.Session()
sess.run(tf.global_variables_initializer())
for i in range(STEPS):
    batch_X, batch_Y = mnist.train.next_batch(100)
    learning_rate = 0.0001 + (0.003 - 0.0001) * math.exp(-i / 2000)
    sess.run(train_step, feed_dict={X: batch_X, Y_: batch_Y, lr: learning_rate})
    if i % 100 == 0:
        a, c = sess.run([accuracy, cross_entropy], feed_dict={X: batch_X, Y_: batch_Y})
        epoch = i * 100 // mnist.train.images.shape[0] + 1
        print("%d: accuracy: %g loss: %g (epoch %d)" % (i, a, c, epoch))

print("accuracy", sess.run(accuracy, feed_dict={X: mnist.test.images, Y_: mnist.test.labels}))
"""

# Hvass, TensorFlow Tutorial #01, a linear model: about 92 % after 1,000 steps.
HVASS_01 = """
import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

data = input_data.read_data_sets("data/MNIST/", one_hot=True)
print("- Training-set:   {}".format(len(data.train.labels)))
print("- Test-set:       {}".format(len(data.test.labels)))
print("- Validation-set: {}".format(len(data.validation.labels)))
data.test.cls = np.array([label.argmax() for label in data.test.labels])

x = tf.placeholder(tf.float32, [None, 28 * 28])
y_true = tf.placeholder(tf.float32, [None, 10])
y_true_cls = tf.placeholder(tf.int64, [None])
weights = tf.Variable(tf.zeros([28 * 28, 10]))
biases = tf.Variable(tf.zeros([10]))
logits = tf.matmul(x, weights) + biases
y_pred = tf.nn.softmax(logits)
y_pred_cls = tf.argmax(y_pred, dimension=1)
cross_entropy = tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=y_true)
cost = tf.reduce_mean(cross_entropy)
optimizer = tf.train.GradientDescentOptimizer(learning_rate=0.5).minimize(cost)
correct_prediction = tf.equal(y_pred_cls, y_true_cls)
accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))

session = tf.Session()
session.run(tf.global_variables_initializer())
for i in range(STEPS):
    x_batch, y_true_batch = data.train.next_batch(100)
    session.run(optimizer, feed_dict={x: x_batch, y_true: y_true_batch})

feed_dict_test = {x: data.test.images, y_true: data.test.labels, y_true_cls: data.test.cls}
print("accuracy", session.run(accuracy, feed_dict=feed_dict_test))
"""

# Hvass, TensorFlow Tutorial #02, a convolutional net: 98.8 % after 10,000 steps.
HVASS_02 = """
import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

data = input_data.read_data_sets("data/MNIST/", one_hot=True)
data.test.cls = np.argmax(data.test.labels, axis=1)


def new_weights(shape):
    return tf.Variable(tf.truncated_normal(shape, stddev=0.05))


def new_biases(length):
    return tf.Variable(tf.constant(0.05, shape=[length]))


def new_conv_layer(input, num_input_channels, filter_size, num_filters):
    weights = new_weights([filter_size, filter_size, num_input_channels, num_filters])
    layer = tf.nn.conv2d(input=input, filter=weights, strides=[1, 1, 1, 1], padding="SAME")
    layer += new_biases(num_filters)
    layer = tf.nn.max_pool(value=layer, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")
    return tf.nn.relu(layer)


def new_fc_layer(input, num_inputs, num_outputs, use_relu=True):
    layer = tf.matmul(input, new_weights([num_inputs, num_outputs])) + new_biases(num_outputs)
    return tf.nn.relu(layer) if use_relu else layer


x = tf.placeholder(tf.float32, shape=[None, 784], name="x")
y_true = tf.placeholder(tf.float32, shape=[None, 10], name="y_true")
y_true_cls = tf.argmax(y_true, dimension=1)
layer = new_conv_layer(tf.reshape(x, [-1, 28, 28, 1]), 1, 5, 16)
layer = new_conv_layer(layer, 16, 5, 36)
num_features = layer.get_shape()[1:4].num_elements()
layer = new_fc_layer(tf.reshape(layer, [-1, num_features]), num_features, 128)
layer = new_fc_layer(layer, layer.get_shape()[1].value, 10, use_relu=False)
y_pred_cls = tf.argmax(tf.nn.softmax(layer), dimension=1)
cross_entropy = tf.nn.softmax_cross_entropy_with_logits(logits=layer, labels=y_true)
cost = tf.reduce_mean(cross_entropy)
optimizer = tf.train.AdamOptimizer(learning_rate=1e-4).minimize(cost)
accuracy = tf.reduce_mean(tf.cast(tf.equal(y_pred_cls, y_true_cls), tf.float32))

session = tf.Session()
session.run(tf.global_variables_initializer())
for i in range(STEPS):
    x_batch, y_true_batch = data.train.next_batch(64)
    session.run(optimizer, feed_dict={x: x_batch, y_true: y_true_batch})
    if i % 100 == 0:
        acc = session.run(accuracy, feed_dict={x: x_batch, y_true: y_true_batch})
        print("Optimization Iteration: {0:>6}, Training Accuracy: {1:>6.1%}".format(i + 1, acc))

num_test = len(data.test.images)
cls_pred = np.zeros(shape=num_test, dtype=int)
for i in range(0, num_test, 256):
    feed_dict = {x: data.test.images[i : i + 256, :], y_true: data.test.labels[i : i + 256, :]}
    cls_pred[i : i + 256] = session.run(y_pred_cls, feed_dict=feed_dict)
correct = data.test.cls == cls_pred
print("Accuracy on Test-Set: {0:.1%} ({1} / {2})".format(correct.mean(), correct.sum(), num_test))
print("accuracy", correct.mean())
"""
